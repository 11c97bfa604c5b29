"""What the chapter audiomnist measures on its networks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from earwitness import features, models


def hit_rate(trained, rows: Sequence[int]) -> float:
    """Return the share of clips that a trained network classifies correctly."""
    predicted = models.logits(trained.model, trained.inputs(rows)).argmax(1)
    return float((predicted == trained.targets(rows)).float().mean())


def table1_records(task, name: str, networks: Sequence, recipe: str) -> dict[str, dict]:
    """Return what Table 1 and its controls record of one network's folds, by id.

    Parameters
    ----------
    task : Task
    name : str
        Of the network.
    networks : sequence of Trained
        One a fold.
    recipe : str
        It was trained by; noted beside the accuracy.

    Notes
    -----
    Becker et al. (2018), Table 1. The control is the share of the most frequent class; the accuracy
    in training is measured on at most 300 clips a fold.
    """
    confusion = sum(trained.confusion for trained in networks)
    chance = 100 * confusion.sum(1).max() / confusion.sum()
    percent = [100 * trained.accuracy for trained in networks]
    learnt = [trained.fold.train[:: max(1, len(trained.fold.train) // 300)] for trained in networks]
    in_training = [hit_rate(*pair) for pair in zip(networks, learnt, strict=True)]
    network, family = name.lower(), task.family
    found = {
        f"audiomnist/chance/{family}": {"value": chance},
        f"audiomnist/table1/{network}-{family}": {
            "value": np.mean(percent),
            "folds": percent,
            "n": confusion.sum(),
            "control": chance,
            "std": np.std(percent, ddof=1) if len(percent) > 1 else None,
            "note": f"task {task.task}, recipe {recipe}",
            "details": {"confusion": confusion.tolist()},
        },
        f"audiomnist/ours/train-{network}-{family}": {"value": 100 * np.mean(in_training)},
    }
    if family == "digits":
        recall = 100 * (np.diag(confusion) / np.maximum(confusion.sum(1), 1)).min()
        found[f"audiomnist/ours/worst-class-{network}-digits"] = {"value": recall}
    return found


def flipping_order(lrp: np.ndarray, amplitude: np.ndarray, random: np.ndarray) -> float:
    """Return at how many fractions (%) accuracy falls as in Figure 3: LRP <= amplitude < random.

    Parameters
    ----------
    lrp, amplitude, random : ndarray, shape (n_fractions,)
        Accuracy at each fraction; the first and the last are the same for all and not counted.
    """
    inside = slice(1, -1)
    holds = (lrp <= amplitude) & (amplitude < random)
    return 100 * float(np.mean(holds[inside]))


def robust_until(
    accuracy: np.ndarray, fractions: Sequence[float], tolerance: float = 0.02
) -> float:
    """Return the largest fraction (%) before the first at which accuracy fell by more than
    ``tolerance``.
    """
    broken = np.flatnonzero(accuracy[0] - accuracy > tolerance)
    return 100 * fractions[broken[0] - 1 if len(broken) else -1]


def speaker_pitch(clips: Sequence) -> pd.DataFrame:
    """Return the median F0 (Hz) of every speaker of some clips, from low to high: speaker, sex,
    f0_hz.
    """
    rows = [
        {
            "speaker": clip.labels["speaker"],
            "sex": clip.labels["sex"],
            "f0_hz": np.nanmedian(features.f0(clip.samples, clip.sample_rate)[1]),
        }
        for clip in clips
    ]
    medians = pd.DataFrame(rows).groupby(["speaker", "sex"], as_index=False)["f0_hz"].median()
    return medians.sort_values("f0_hz", ignore_index=True)


def scaled_inputs(trained, rows: Sequence[int], factor_of: dict[str, float]) -> torch.Tensor:
    """Return AlexNet's inputs of clips with the frequency axis scaled by a factor for each sex.

    Notes
    -----
    Becker et al. (2018), section 3.3.1.
    """
    levels = features.log_spectrogram(trained.seconds(rows))
    sexes = trained.corpus.table["sex"].iloc[rows]
    changed = [
        features.scale_frequencies(level, factor_of[sex])
        for level, sex in zip(levels, sexes, strict=True)
    ]
    return torch.stack(changed)[:, None] - trained.mean


def top_emptied(trained, rows: Sequence[int], factor: float) -> torch.Tensor:
    """Return the inputs without what compression by ``factor`` leaves empty, in women's clips
    only.
    """
    levels = features.log_spectrogram(trained.seconds(rows))
    female = (trained.corpus.table["sex"].iloc[rows] == "female").to_numpy()
    n_freq = levels.shape[1]
    levels[torch.tensor(female), int((n_freq - 1) * factor) + 1 :] = -features.spectrogram.RANGE_DB
    return levels[:, None] - trained.mean


def similarity(pictures: torch.Tensor, targets: torch.Tensor, width: int = 11) -> dict[str, float]:
    """Return the mean cosine of maps (n, 1, freq, time), averaged over ``width`` points, within and
    between words.
    """
    smooth = torch.nn.functional.avg_pool2d(pictures, width).flatten(1)
    unit = torch.nn.functional.normalize(smooth, dim=1)
    cosines = unit @ unit.T
    same = targets[:, None] == targets[None, :]
    alike = same & ~torch.eye(len(targets), dtype=bool)
    return {
        "same word": float(cosines[alike].mean()),
        "different words": float(cosines[~same].mean()),
    }
