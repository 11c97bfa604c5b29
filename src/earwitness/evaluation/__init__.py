"""Does an explanation tell the truth about the network?"""

from earwitness.evaluation import directions, masking, study, units, vowels
from earwitness.evaluation.bins import bin_flipping
from earwitness.evaluation.direct_sound import direct_dominated, musical_noise, roc_area, sdr_db
from earwitness.evaluation.flipping import FlippingCurve, pixel_flipping
from earwitness.evaluation.fratio import band_levels, f_ratio
from earwitness.evaluation.intelligibility import stoi
from earwitness.evaluation.listening import informedness, markedness
from earwitness.evaluation.phonetic import Share, relevance_share_below, relevance_share_on_harmonics
from earwitness.evaluation.randomisation import randomised

__all__ = [
    "FlippingCurve", "Share", "band_levels", "bin_flipping", "direct_dominated", "directions", "f_ratio",
    "informedness", "markedness", "masking", "musical_noise", "pixel_flipping", "randomised", "relevance_share_below",
    "relevance_share_on_harmonics", "roc_area", "sdr_db", "stoi", "study", "units", "vowels",
]
