"""Make relevance listenable: players for pages without a server, relevance as a gain, spectrograms
back to sound.
"""

from earwitness import former
from earwitness.audition.binaural import binaural
from earwitness.audition.filtering import filter_by_relevance
from earwitness.audition.framewise import filter_frames, relevance_gains, weighted_inverse
from earwitness.audition.player import Comparison, Player, compare, player, players
from earwitness.audition.relevance import relevance_times_signal
from earwitness.audition.resynthesis import Analysis, analyse, consistency_db, resynthesise, snr_db
from earwitness.audition.silencing import silence_region

__all__ = [
    "Analysis",
    "Comparison",
    "Player",
    "analyse",
    "binaural",
    "compare",
    "consistency_db",
    "filter_by_relevance",
    "filter_frames",
    "player",
    "players",
    "relevance_gains",
    "relevance_times_signal",
    "resynthesise",
    "silence_region",
    "snr_db",
    "weighted_inverse",
]

__getattr__ = former.names_of(__name__)
