"""Names of the first edition: kept for one release, each with a warning that says what to write
instead.
"""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

_BOOK = "earwitness_book"
MODULES = {
    **{
        f"earwitness.corpora.{name}": f"earwitness.acoustics.{name}"
        for name in ("codecs", "degradations", "rooms", "sphere")
    },
    "earwitness.acoustics.quality": "earwitness.acoustics.perceived_quality",
    "earwitness.attribution.calls": "earwitness.attribution.validation",
    "earwitness.evaluation.bins": "earwitness.evaluation.flipping",
    "earwitness.evaluation.inference": "earwitness.models.inference",
    "earwitness.evaluation.randomisation": "earwitness.evaluation.controls",
    **{
        f"earwitness.evaluation.{name}": "earwitness.evaluation.scenes"
        for name in ("direct_sound", "directions")
    },
    **{
        f"earwitness.evaluation.{name}": "earwitness.evaluation.shares"
        for name in ("concentration", "phonetic", "segments")
    },
    **{
        f"earwitness.evaluation.{name}": "earwitness.evaluation.speech"
        for name in ("fratio", "intelligibility", "resemblance")
    },
    "earwitness.evaluation.masking": f"{_BOOK}.chapters.disturbances",
    "earwitness.evaluation.study": f"{_BOOK}.chapters.listening_study",
    "earwitness.evaluation.vowels": f"{_BOOK}.chapters.vowel_measurements",
    "earwitness.audition.masking": "earwitness.audition.silencing",
    "earwitness.audition.study": f"{_BOOK}.chapters.study_page",
    "earwitness.features.frames": "earwitness.features.windowing",
    "earwitness.figures.channels": "earwitness.figures.channel_shares",
    "earwitness.figures.directions": "earwitness.figures.direction_maps",
    "earwitness.figures.quality": "earwitness.figures.mel_maps",
    "earwitness.figures.vowels": "earwitness.figures.vowel_table",
    "earwitness.lightning_module": "earwitness.training.loop",
    "earwitness.project": f"{_BOOK}.project",
    "earwitness.records": f"{_BOOK}.records",
    "earwitness.runner": f"{_BOOK}.runner",
    **{
        f"earwitness.runner.{name}": f"{_BOOK}.runner.{name}"
        for name in (
            "check",
            "execute",
            "kernel",
            "notebooks",
            "pages",
            "parallel",
            "parameters",
            "profiles",
            "recording",
            "render",
            "site",
            "sweep",
        )
    },
}
NAMES = {
    "earwitness.attribution.lrp": {
        "_composite": "earwitness.attribution.lrp.former:Registered",
        "_sums": "earwitness.attribution.lrp.former:sums",
    },
    "earwitness.audition": {
        "without": "earwitness.audition:silence_region",
        **{
            name: f"{_BOOK}.chapters.study_page:{name}"
            for name in ("Session", "Study", "StudyItem")
        },
    },
    "earwitness.audition.silencing": {"without": "earwitness.audition:silence_region"},
    "earwitness.corpora.base": {
        name: f"earwitness.audio:{name}"
        for name in ("check_rate", "check_samples", "MAX_DURATION_S")
    },
    "earwitness.corpora.store": {
        "describe": "earwitness.catalogue:corpora",
        "folder": "earwitness.catalogue:corpus_folder",
        "manifest": "earwitness.catalogue:manifest",
    },
    "earwitness.errors": {"choose": "earwitness.errors:check_choice"},
    "earwitness.evaluation": {
        "directions": "earwitness.evaluation.scenes",
        "masking": f"{_BOOK}.chapters.disturbances",
        "study": f"{_BOOK}.chapters.listening_study",
        "vowels": f"{_BOOK}.chapters.vowel_measurements",
    },
    "earwitness.evaluation.scenes": {"roc_area": "earwitness.evaluation:roc_area"},
    "earwitness.evaluation.speech": {
        "grid_share": f"{_BOOK}.chapters.raw_waveform:grid_share",
        "likeness": "earwitness.evaluation.speech:waveform_correlation",
        "envelope_likeness": "earwitness.evaluation.speech:envelope_correlation",
        "harmonic_likeness": "earwitness.evaluation.speech:harmonic_correlation",
    },
    "earwitness.features": {"at_pitch": "earwitness.features:scale_f0"},
    "earwitness.features.phonetics": {"at_pitch": "earwitness.features:scale_f0"},
    "earwitness.figures": {"voices": "earwitness.figures:scatter_by_group"},
}


def names_of(module: str) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a module that knows its former names."""
    former = NAMES[module]

    def find(name: str):
        if name not in former:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        target, _, inside = former[name].partition(":")
        _warn(f"{module}.{name}", former[name].replace(":", "."))
        found = import_module(target)
        return getattr(found, inside) if inside else found

    return find


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is {new} now; the old name goes with the next release.", FutureWarning, stacklevel=3
    )


class _Moved(MetaPathFinder, Loader):
    """Finds a module under its former name: the very module, not a copy."""

    def find_spec(self, name, path=None, target=None):
        """Return a spec for former names alone."""
        return ModuleSpec(name, self) if name in MODULES else None

    def exec_module(self, module):
        """Put the module of today in the place of the one that is being imported."""
        _warn(module.__name__, MODULES[module.__name__])
        sys.modules[module.__name__] = import_module(MODULES[module.__name__])


def install() -> None:
    """Let imports of former names find the modules of today; once is enough."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moved())  # a moved package would find copies of its parts
