"""Does an explanation tell the truth about the network?"""

from earwitness import former
from earwitness.evaluation import scenes, shares, speech, statistics, units
from earwitness.evaluation.controls import randomised
from earwitness.evaluation.flipping import FlippingCurve, bin_flipping, pixel_flipping
from earwitness.evaluation.listening import informedness, markedness
from earwitness.evaluation.maps import rank_correlations, rank_matrix, shaken, sparseness
from earwitness.evaluation.scenes import direct_dominated, musical_noise, sdr_db
from earwitness.evaluation.shares import Share, relevance_share_below, relevance_share_on_harmonics
from earwitness.evaluation.speech import band_levels, f_ratio, stoi
from earwitness.evaluation.statistics import roc_area

__all__ = [
    "FlippingCurve",
    "Share",
    "band_levels",
    "bin_flipping",
    "direct_dominated",
    "f_ratio",
    "informedness",
    "markedness",
    "musical_noise",
    "pixel_flipping",
    "randomised",
    "rank_correlations",
    "rank_matrix",
    "relevance_share_below",
    "relevance_share_on_harmonics",
    "roc_area",
    "scenes",
    "sdr_db",
    "shaken",
    "shares",
    "sparseness",
    "speech",
    "statistics",
    "stoi",
    "units",
]

__getattr__ = former.names_of(__name__)
