"""Networks as audio people build them, and what LRP must be on each, worked out by other means."""

from . import (  # noqa: F401  (importing registers)
    frames,
    fronts,
    installed,
    sequences,
    strangers,
    waves,
)
from .registry import NETWORKS, Network  # noqa: F401
