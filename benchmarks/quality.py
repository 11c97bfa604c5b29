"""Explaining NISQA's networks beside captum: occlusion, and the 20 features by three methods."""

import warnings
from functools import partial

import torch
from captum.attr import DeepLift, IntegratedGradients, LayerConductance, Occlusion

from benchmarks.measure import interleaved
from earwitness import attribution, models, runtime
from earwitness.attribution.validation import frozen
from earwitness.evaluation.controls import randomised
from earwitness.models.nisqa import Nisqa, Settings

TITLE = "Explaining speech quality: cost and exactness beside captum"
_BASELINE = -80.0
_N_SEGMENTS = 30
_N_STEPS = 10  # captum's default is 50; both costs grow with it alike
MOS_ONLY = Settings(
    fmax_hz=20000.0,
    segment_hop=4,
    max_segments=1300,
    cnn="adapt",
    time="attention",
    n_hidden=64,
    n_layers=2,
    pool="attention",
)


def _spectrogram(n_frames: int) -> torch.Tensor:
    return torch.randn(48, n_frames, generator=torch.Generator().manual_seed(0)) * 10 - 40


def _one_by_one(model, spectrogram, boxes) -> None:
    with frozen(model), torch.no_grad():
        for low, high, start, stop in boxes:
            masked = spectrogram[None].clone()
            masked[0, low:high, start:stop] = _BASELINE
            model(masked)


def _captum_occlusion(model, spectrogram):
    with frozen(model), torch.no_grad():
        return Occlusion(model).attribute(
            spectrogram[None], (24, 24), (24, 24), baselines=_BASELINE, target=0
        )


def _occlusion() -> list[dict]:
    model, spectrogram = randomised(Nisqa(MOS_ONLY)), _spectrogram(901)
    ours = partial(attribution.occlusion_map, model, spectrogram, mask=(24, 24), fill=_BASELINE)
    found = ours()
    rows = interleaved(
        {
            "each variant in full, one by one": lambda: _one_by_one(
                model, spectrogram, found.boxes
            ),
            "captum.Occlusion": lambda: _captum_occlusion(model, spectrogram),
            "only the touched segments": ours,
        },
        n_rounds=3,
    )
    difference = float(
        (torch.from_numpy(found.map) - _captum_occlusion(model, spectrogram)[0].double())
        .abs()
        .max()
    )
    return [
        {
            **row,
            "largest difference of the maps": difference if row["name"].startswith("only") else "",
        }
        for row in rows
    ]


def _features() -> tuple[torch.nn.Module, torch.Tensor]:
    model = randomised(Nisqa()).requires_grad_(False)
    return model.cnn, model.segments(_spectrogram(_N_SEGMENTS + 14)[None])[0].contiguous()


def _captums(method, inputs, **options) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces its hooks
        return torch.stack(
            [
                method.attribute(
                    inputs.clone().requires_grad_(),
                    torch.full_like(inputs, _BASELINE),
                    target=target,
                    **options,
                ).detach()
                for target in range(20)
            ]
        )


def _gradient_bound(cnn, segments) -> None:
    for target in range(20):
        leaf = segments.clone().requires_grad_()
        torch.autograd.grad(cnn(leaf)[:, target].sum(), leaf)


def _compared(
    rows: list[dict], results: dict[str, torch.Tensor], difference: torch.Tensor
) -> list[dict]:
    """Return the rows with completeness errors and the largest deviation from captum's
    attributions.
    """
    known = {}
    for name, values in results.items():
        error = (values.double().flatten(2).sum(2) - difference).abs()
        known[name] = {
            "completeness, median relative": float((error / difference.abs()).median()),
            "largest error": float(error.max()),
        }
    first, second = results.values()
    known[list(results)[1]]["largest deviation"] = float(
        (first - second).abs().max() / first.abs().max()
    )
    empty = {"completeness, median relative": "", "largest error": "", "largest deviation": ""}
    return [{**row, **empty, **known.get(row["name"], {})} for row in rows]


def run() -> dict[str, list[dict]]:
    """Return a table for each method."""
    runtime.tune()
    cnn, segments = _features()
    with torch.no_grad():
        difference = (
            cnn(segments) - cnn(torch.full_like(segments, _BASELINE))
        ).T.double()  # (feature, segment)
    tables = {"Occlusion, 24 x 24, clip of 9 s, adaptive CNN and self-attention": _occlusion()}
    families = {
        "DeepLIFT": (DeepLift(cnn), attribution.deeplift_all, {}),
        f"Integrated gradients, {_N_STEPS} steps": (
            IntegratedGradients(cnn),
            attribution.integrated_gradients_all,
            {"n_steps": _N_STEPS},
        ),
        f"Conductance of conv2, {_N_STEPS} steps": (
            LayerConductance(cnn, cnn.conv2),
            partial(attribution.layer_conductance, layer="conv2"),
            {"n_steps": _N_STEPS},
        ),
    }
    for name, (theirs, ours, options) in families.items():
        calls = {
            "captum": partial(_captums, theirs, segments, **options),
            "earwitness": lambda f=ours, o=options: (
                f(cnn, segments, range(20), baseline=_BASELINE, **o).attributions
            ),
        }
        rows = interleaved(
            {**calls, "20 forward and backward passes": partial(_gradient_bound, cnn, segments)}, 3
        )
        results = {key: call() for key, call in calls.items()}
        tables[f"{name}: 20 features of {_N_SEGMENTS} segments"] = _compared(
            rows, results, difference
        )
    return tables | {
        "DeepLIFT of captum without clones between ReLU and pooling": [_without_clones(segments)]
    }


def _without_clones(segments) -> dict:
    """Return captum's completeness where max-pooling follows ReLU directly."""
    cnn = _features()[0]
    bare = torch.nn.Sequential(
        *(layer for layer in cnn if not isinstance(layer, models.nisqa.Clone))
    )
    with torch.no_grad():
        difference = (bare(segments) - bare(torch.full_like(segments, _BASELINE))).T.double()
    theirs, ours = (
        _captums(DeepLift(bare), segments),
        attribution.deeplift_all(bare, segments, range(20), baseline=_BASELINE).attributions,
    )
    shares = [
        ((values.double().flatten(2).sum(2) - difference).abs() / difference.abs()).median()
        for values in (theirs, ours)
    ]
    return {
        "name": "median completeness error",
        "captum": float(shares[0]),
        "earwitness": float(shares[1]),
    }


if __name__ == "__main__":
    print(run())
