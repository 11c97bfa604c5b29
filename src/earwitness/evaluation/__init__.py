"""Does an explanation tell the truth about the network?"""

from earwitness.evaluation import directions, masking, study, vowels
from earwitness.evaluation.flipping import FlippingCurve, pixel_flipping
from earwitness.evaluation.fratio import band_levels, f_ratio, relevance_by_band
from earwitness.evaluation.intelligibility import stoi
from earwitness.evaluation.listening import informedness, markedness
from earwitness.evaluation.phonetic import Share, relevance_share_below, relevance_share_on_harmonics
from earwitness.evaluation.randomisation import randomised

__all__ = [
    "FlippingCurve", "Share", "band_levels", "directions", "f_ratio", "informedness", "markedness", "masking",
    "pixel_flipping",
    "randomised", "relevance_by_band", "relevance_share_below", "relevance_share_on_harmonics", "stoi", "study",
    "vowels",
]
