"""Relevance signals of whole utterances against one forward and one backward pass over their
windows.
"""

import os

import numpy as np
import torch

from benchmarks.measure import interleaved
from earwitness import attribution, corpora, features, models, runtime

TITLE = "Relevance signals: cost in units of one forward and one backward pass over all windows"
# as in the results that are kept; another hop is another number of windows, at the same speed
HOP = 160


def _clips(n_clips: int) -> tuple[str, list[np.ndarray]]:
    """Return words of American English Vowels, or generated ones where there are no recordings."""
    real = bool(os.environ.get("EARWITNESS_DATA"))
    corpus = (
        corpora.load("aev")
        if real
        else corpora.load("voices", words="hvd", n_speakers=6, repetitions=1)
    )
    return corpus.name, [corpus[i].samples for i in range(n_clips)]


def _pass(model, inputs, batch_size=100):
    for part in inputs.split(batch_size):
        leaf = part.clone().requires_grad_()
        torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)


def run(n_clips: int = 12) -> dict[str, list[dict]]:
    """Return a table for each network; windows of all clips in full batches."""
    runtime.tune()
    corpus, clips = _clips(n_clips)
    duration_s = sum(map(len, clips)) / 16000
    centres = [features.frame_centres(len(clip), HOP) for clip in clips]
    cut = [features.windows(clip, at) for clip, at in zip(clips, centres, strict=True)]
    inputs = torch.from_numpy(features.normalised(np.concatenate(cut)))[
        :, None
    ]  # (n_windows, 1, 4000)
    tables = {}
    for network in (models.PhoneCNN, models.SpeakerCNN):
        torch.manual_seed(0)
        model = network(39).eval().requires_grad_(False)
        fast = models.layout.channels_last(model)

        def signals(method, m=model, **options):
            return lambda: attribution.relevance_signals(
                m, clips, 0, method=method, hop=HOP, **options
            )

        rows = interleaved(
            {
                "forward and backward": lambda m=model: _pass(m, inputs),
                "forward and backward, channels last": lambda m=fast: _pass(m, inputs),
                "guided-backprop": signals("guided-backprop"),
                "guided-backprop, clip by clip": lambda m=model: [
                    attribution.relevance_signal(m, clip, 0, hop=HOP) for clip in clips
                ],
                "guided-backprop, windows one by one": signals("guided-backprop", batch_size=1),
                "gradient": signals("gradient"),
                "lrp-epsilon": signals("lrp-epsilon"),
            },
            n_rounds=3,
        )
        heading = (
            f"{network.__name__}, {corpus}, {n_clips} clips, {duration_s:.1f} s of sound, "
            f"{len(inputs)} windows"
        )
        tables[heading] = [
            {
                **row,
                "ms per window": 1000 * row["seconds"] / len(inputs),
                "samples per second": round(16000 * duration_s / row["seconds"]),
                "seconds per second of sound": row["seconds"] / duration_s,
            }
            for row in rows
        ]
    return tables
