"""Networks as audio people build them, and what LRP must be on each, worked out by other means."""

from . import frames, fronts, sequences, strangers, waves  # noqa: F401  (importing registers)
from .registry import NETWORKS, Network  # noqa: F401
