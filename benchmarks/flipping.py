"""Pixel flipping against the forward passes that must happen, quantus, and itself in bfloat16."""

import os
import warnings

import numpy as np
import quantus
import torch
from torch import nn

from benchmarks.measure import interleaved
from earwitness import attribution, evaluation, runtime, training

TITLE = "Pixel flipping: cost in units of the forward passes that must happen"


def trained(n_clips: int) -> tuple[nn.Module, torch.Tensor, torch.Tensor, str]:
    """Return a trained AudioNet, test clips with their classes, and what they are: real words, or
    generated digits.
    """
    corpus, task = ("aev", "word") if os.environ.get("EARWITNESS_DATA") else ("voices", "digit")
    fitted = training.fit("AudioNet", corpus, task, recipe="brief", progress=False)
    chosen = np.random.default_rng(0).choice(fitted.fold.test, n_clips, replace=False)
    about = f"{corpus}, {task}, test accuracy {fitted.accuracy:.3f}"
    return fitted.model, fitted.inputs(chosen), fitted.targets(chosen), about


def _forwards(model, clips, n_fractions, batch_size):
    with torch.no_grad():
        for _ in range(n_fractions):
            for batch in clips.split(batch_size):
                model(batch)


def _quantus(model, clips, classes, relevance, batch_size):
    metric = quantus.PixelFlipping(
        features_in_step=800,
        perturb_baseline=0.0,
        abs=False,
        normalise=False,
        disable_warnings=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every step that changes nothing
        return metric(
            model=model,
            x_batch=clips.numpy(),
            y_batch=classes.numpy(),
            a_batch=relevance.numpy(),
            softmax=True,
            batch_size=batch_size,
            channel_first=True,
            device="cpu",
        )


def run(n_clips: int = 20) -> dict[str, list[dict]]:
    """Return the tables of cost and of the difference that bfloat16 makes."""
    runtime.tune()
    model, clips, classes, data = trained(n_clips)
    relevance = attribution.attribute(model, clips, classes)
    fractions = np.linspace(0.1, 1.0, 10)  # quantus' steps: 10 of 800 samples

    def ours(order_by=relevance, autocast=False, model=model):
        return evaluation.pixel_flipping(
            model, clips, classes, order_by, fractions, autocast=autocast
        )

    rows = interleaved(
        {
            "10 x forward, batches of 10 (the bound)": lambda: _forwards(model, clips, 10, 10),
            "10 x forward, batches of 20": lambda: _forwards(model, clips, 10, 20),
            "quantus, batches of 10": lambda: _quantus(model, clips, classes, relevance, 10),
            "quantus, batches of 20": lambda: _quantus(model, clips, classes, relevance, 20),
            "earwitness, random, float32": lambda: ours("random"),
            "earwitness, random, bfloat16": lambda: ours("random", True),
            "earwitness, lrp-epsilon, float32": ours,
            "earwitness, lrp-epsilon, bfloat16": lambda: ours(autocast=True),
        }
    )
    differences = []
    for name, order_by in (
        ("random", "random"),
        ("amplitude", "amplitude"),
        ("lrp-epsilon", relevance),
    ):
        single, half = ours(order_by), ours(order_by, True)
        for of in ("accuracy", "score"):
            apart = np.abs(getattr(single, of) - getattr(half, of))
            error = single.standard_error(of)
            differences.append(
                {
                    "order": name,
                    "curve": of,
                    "largest difference": float(apart.max()),
                    "standard error there": float(error[apart.argmax()]),
                    "median standard error": float(np.median(error)),
                    "auc float32": single.auc(of),
                    "auc bfloat16": half.auc(of),
                    "forwards of 500": single.n_forwards,
                }
            )
    heading = f"AudioNet on {data}; {n_clips} clips, 10 fractions"
    return {heading: rows, "What bfloat16 changes in the curve": differences}
