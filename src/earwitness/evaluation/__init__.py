"""Does an explanation tell the truth about the network?"""

from earwitness.evaluation.flipping import FlippingCurve, pixel_flipping
from earwitness.evaluation.listening import informedness, markedness
from earwitness.evaluation.phonetic import Share, relevance_share_below, relevance_share_on_harmonics
from earwitness.evaluation.randomisation import randomised

__all__ = [
    "FlippingCurve", "Share", "informedness", "markedness", "pixel_flipping", "randomised", "relevance_share_below",
    "relevance_share_on_harmonics",
]
