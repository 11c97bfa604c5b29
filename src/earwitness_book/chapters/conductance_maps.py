"""What conductance maps of a convolution look like: regions, signs, and what they have to do with
the input's explanation. Each measure is one value for each segment.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from earwitness.evaluation import units
from earwitness_book import records

REGION = 0.1  # share of the cells that are a map's region: those of largest magnitude


def region_overlap(maps: np.ndarray, share: float = REGION) -> float:
    """Return how far the regions of a segment's maps overlap: intersection over union, mean over
    pairs.

    Parameters
    ----------
    maps : ndarray, shape (n_maps, bands, frames)
        Of one segment and feature; maps that are zero everywhere have no region.
    share : float
        A region is that share of a map's cells, those of largest magnitude.

    Returns
    -------
    float
        1 if all maps have one region, share / (2 - share) if each is drawn at random; NaN with
        fewer than two regions.
    """
    flat = np.abs(np.asarray(maps, float)).reshape(len(maps), -1)
    flat = flat[flat.max(axis=1) > 0]
    if len(flat) < 2:
        return np.nan
    size = max(1, round(share * flat.shape[1]))
    held = np.zeros(flat.shape)
    np.put_along_axis(held, np.argsort(-flat, axis=1, kind="stable")[:, :size], 1, axis=1)
    common = (held @ held.T)[np.triu_indices(len(flat), 1)]
    return float(np.mean(common / (2 * size - common)))


def overlaps(attributions: torch.Tensor) -> np.ndarray:
    """Return :func:`region_overlap` of conductances (feature, segment, map, bands, frames), mean
    over features, (n_segments,).
    """
    values = attributions.numpy()
    found = [[region_overlap(maps) for maps in of_feature] for of_feature in values]
    return np.nanmean(found, axis=0)


def likeness(maps: torch.Tensor, others: torch.Tensor) -> np.ndarray:
    """Return the correlation of maps with others, both (feature, segment, bands, frames), median
    over features, (n_segments,). A map without change is left out.

    Where sizes differ, the smaller maps are enlarged, cell by cell.
    """
    if maps.shape[2:] != others.shape[2:]:
        maps = nn.functional.interpolate(maps, size=tuple(others.shape[2:]), mode="nearest")
    a, b = (each.flatten(2).double() for each in (maps, others))
    a, b = (each - each.mean(2, keepdim=True) for each in (a, b))
    length = a.norm(dim=2) * b.norm(dim=2)
    found = torch.where(length > 0, (a * b).sum(2) / length, torch.nan)
    return np.nanmedian(found.numpy(), axis=0)


def follows(conductance: torch.Tensor, gradients: torch.Tensor) -> np.ndarray:
    """Return whether features that are explained alike at the input are explained alike in a layer.

    Parameters
    ----------
    conductance : tensor, shape (feature, segment, map, bands, frames)
    gradients : tensor, shape (feature, segment, channel, bands, frames)
        At the input.

    Returns
    -------
    ndarray, shape (n_segments,)
        Rank correlation, over pairs of features, of the correlations of their explanations; NaN
        where fewer than three pairs move.
    """
    found = []
    for segment in range(conductance.shape[1]):
        pairs = [_alike(each[:, segment]) for each in (conductance, gradients)]
        known = np.isfinite(pairs).all(axis=0)
        enough = known.sum() > 2
        found.append(spearmanr(*(p[known] for p in pairs)).statistic if enough else np.nan)
    return np.array(found)


def _alike(explanations: torch.Tensor) -> np.ndarray:
    """Return the correlations of explanations (feature, ...) by pairs; NaN for those of one that
    does not move.
    """
    flat = explanations.flatten(1).double().numpy()
    flat = np.where(np.ptp(flat, axis=1, keepdims=True) > 0, flat, np.nan)
    with np.errstate(invalid="ignore"):
        return np.corrcoef(flat)[np.triu_indices(len(flat), 1)]


def inverted_pairs(attributions: torch.Tensor, below: float = -0.8) -> np.ndarray:
    """Return for each segment whether two features have inverted explanations, all maps together,
    bool (n_segments,).

    Parameters
    ----------
    attributions : tensor, shape (feature, segment, map, bands, frames)
    below : float
        A correlation at or below it is an inverted pair.
    """
    values = attributions.numpy()
    lowest = [units.correlations(values[:, k]).min(initial=1.0) for k in range(values.shape[1])]
    return np.array(lowest) <= below


def inverted_maps(attributions: torch.Tensor, below: float = -0.8) -> np.ndarray:
    """Return in how many features two maps of a segment are each other's inverse, share
    (n_segments,).
    """
    lowest = [
        [units.correlations(maps).min(initial=1.0) for maps in of_feature]
        for of_feature in attributions.numpy()
    ]
    return (np.array(lowest) <= below).mean(axis=0)


def map_records(measures: Mapping[str, np.ndarray], clips: Sequence) -> dict[str, dict]:
    """Return what is recorded of measures, by id, clips drawn with all their segments.

    Parameters
    ----------
    measures : mapping from id to ndarray, shape (n_segments,) or (n_networks, n_segments)
        The second of networks with random weights: their mean is recorded, and they are drawn with
        the clips where the first measure leads them. NaN where a segment has none: it is left out
        of all of them. Nothing is recorded where no segment is left.
    clips : sequence, length n_segments
    """
    known = np.isfinite(np.vstack(list(measures.values()))).all(axis=0)
    if not known.any():
        return {}
    kept = {f"speech-quality/{id}": np.asarray(each)[..., known] for id, each in measures.items()}
    return records.from_clips(kept, np.asarray(clips)[known], of="clips")


def comparisons(regions, like, following, deeper, pairs, of_maps) -> list[dict[str, np.ndarray]]:
    """Return what is compared with what, by id: each group of measures is drawn together.

    Parameters
    ----------
    regions, pairs, of_maps : mapping to ndarray
        The model's first, (n_segments,), then those of networks with random weights, (n_networks,
        n_segments).
    like, following : mapping to ndarray
        With the explanation of its own segment first, then of another.
    deeper : mapping from layer to ndarray
    """
    named = {
        ("ours/conv1-region-overlap", "ours/conv1-region-overlap-random-weights"): regions,
        ("conductance/like-the-input", "ours/like-the-input-other-segment"): like,
        ("conductance/follows-gradients", "ours/follows-gradients-other-segment"): following,
        ("conductance/inverted-pairs", "ours/inverted-pairs-random-weights"): pairs,
        ("ours/inverted-maps", "ours/inverted-maps-random-weights"): of_maps,
    }
    groups = [dict(zip(ids, each.values(), strict=True)) for ids, each in named.items()]
    return [*groups, {f"ours/{layer}-like-the-input": each for layer, each in deeper.items()}]
