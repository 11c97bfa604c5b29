"""How to train: the papers' own recipes, and ours that reach their accuracy in fewer iterations."""

from dataclasses import dataclass
from typing import ClassVar

from earwitness.errors import check_choice


@dataclass(frozen=True)
class Recipe:
    """How to train: batches of 100, ``iterations`` of them (rounded to whole passes over the fold).

    ``schedule``: ``"halve"`` (learning rate times 0.5 every ``halve_every`` iterations) or ``"one-cycle"``.
    ``gradient_clip``: largest Euclidean norm of the gradient, 0 for none.
    """

    optimiser: str
    learning_rate: float
    iterations: int
    schedule: str = "one-cycle"
    halve_every: int = 0
    gradient_clip: float = 5.0
    batch_size: int = 100
    mixed_precision: bool = True

    # the same for every clip, so no part of what a cached network is known by
    momentum: ClassVar[float] = 0.9
    weight_decay: ClassVar[float] = 0.01
    dropout: ClassVar[float] = 0.0  # AlexNet and AudioNet have their own
    longest_pass: ClassVar[int | None] = None
    warm_up: ClassVar[float] = 0.25  # share of the iterations in which the rate of "one-cycle" rises


@dataclass(frozen=True)
class FrameRecipe(Recipe):
    """How to train on frames of utterances; a pass is never longer than ``iterations``.

    Attributes
    ----------
    momentum, weight_decay : float
        Of SGD; of AdamW.
    dropout : float
        Share of inputs of each dense layer that training hides at random. The network itself stays as published.
    jitter_samples : int
        A frame is shown up to so many samples early or late, and labelled by what is spoken there.
    speeds : tuple of float
        Each batch is played at one of these speeds (pitch and formants go with it): a substitute for more speakers.
    """

    momentum: float = 0.9
    weight_decay: float = 0.01
    dropout: float = 0.0
    jitter_samples: int = 0
    speeds: tuple[float, ...] = (1.0,)

    @property
    def longest_pass(self) -> int:
        """In iterations."""
        return self.iterations


def _paper(learning_rate: float, iterations: int, halve_every: int, gradient_clip: float) -> Recipe:
    return Recipe("sgd", learning_rate, iterations, "halve", halve_every, gradient_clip, mixed_precision=False)


def _raw_waveform_paper(learning_rate: float, iterations: int) -> FrameRecipe:
    return FrameRecipe("sgd", learning_rate, iterations, "halve", iterations // 5, 0.0, 256, mixed_precision=False,
                       momentum=0.5, weight_decay=0.0)


def _phones(iterations: int) -> FrameRecipe:
    speeds = (0.85, 0.925, 1.0, 1.075, 1.15)
    return FrameRecipe("adamw", 1e-3, iterations, dropout=0.5, jitter_samples=80, speeds=speeds)


def _speakers(iterations: int) -> FrameRecipe:
    return FrameRecipe("adamw", 1e-3, iterations, jitter_samples=80)


# Becker et al.'s "epochs" are iterations of their Caffe solvers: 50000 passes over 18,000 clips would be 9 million.
RECIPES: dict[str, dict[str, Recipe]] = {
    "paper": {"AlexNet": _paper(1e-3, 10_000, 2_500, 5.0), "AudioNet": _paper(1e-4, 50_000, 10_000, 0.0),
              "PhoneCNN": _raw_waveform_paper(0.1, 30_000), "SpeakerCNN": _raw_waveform_paper(0.1, 30_000)},
    "fast": {"AlexNet": Recipe("adamw", 5e-4, 200), "AudioNet": Recipe("adamw", 1e-3, 400),
             "PhoneCNN": _phones(2000), "SpeakerCNN": _speakers(800)},
    "brief": {"AlexNet": Recipe("adamw", 5e-4, 100), "AudioNet": Recipe("adamw", 1e-3, 120),
              "PhoneCNN": _phones(600), "SpeakerCNN": _speakers(600)},
    "smoke": {"AlexNet": Recipe("adamw", 5e-4, 2), "AudioNet": Recipe("adamw", 1e-3, 2),
              "PhoneCNN": _phones(2), "SpeakerCNN": _speakers(2)},
}
# Two classes need fewer: the paper stops AudioNet after a fifth (AlexNet runs on), ours after six tenths.
_SEX = {
    "paper": {"AudioNet": _paper(1e-4, 10_000, 5_000, 0.0)},
    "fast": {"AlexNet": Recipe("adamw", 5e-4, 120), "AudioNet": Recipe("adamw", 1e-3, 240)},
}


def recipe_for(recipe: str, model: str, task: str) -> Recipe:
    """Return the recipe of that name for a network and task.

    Notes
    -----
    ``"paper"``: for AlexNet and AudioNet Becker et al. (2018), section 2.2: SGD with momentum 0.9. For PhoneCNN and
    SpeakerCNN the text says only that Palaz et al. (2019) and Muckenhirn et al. (2018) were followed. SGD in batches of
    256 with momentum 0.5 and a learning rate of 0.1 that is halved: so trains RawSpeechClassification, the software of
    this line of work (github.com/idiap/RawSpeechClassification); it halves whenever the validation loss falls by less
    than 0.002, ours after every fifth of the iterations. The other recipes are ours: AdamW with a one-cycle schedule
    (Smith and Topin 2019) gets there in far fewer iterations.
    """
    plans = RECIPES[check_choice(recipe, RECIPES, "recipe")] | (_SEX.get(recipe, {}) if task == "sex" else {})
    return plans[check_choice(model, plans, "model")]
