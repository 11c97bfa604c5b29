"""How to train: the papers' own recipes, and ours that reach their accuracy in fewer iterations."""

from dataclasses import dataclass

from earwitness.arguments import checked
from earwitness.errors import check_choice


@dataclass(frozen=True)
class Recipe:
    """How to train, the same for every network.

    Attributes
    ----------
    optimiser : {"adamw", "sgd"}
    learning_rate : float
    iterations : int
        Batches, rounded to whole passes over the examples.
    schedule : {"one-cycle", "halve"}
        ``"halve"``: learning rate times 0.5 every ``halve_every`` iterations.
    halve_every : int
    gradient_clip : float
        Largest Euclidean norm of the gradient, 0 for none.
    batch_size : int
    mixed_precision : bool
        Multiply in bfloat16 where the processor is fast at it.
    momentum, weight_decay : float
        Of SGD; of AdamW.
    dropout : float
        Share of inputs of each dense layer that training hides at random, beside the network's own
        dropout. The network itself stays as published.
    warm_up : float
        Share of the iterations in which the learning rate of ``"one-cycle"`` rises.
    """

    optimiser: str
    learning_rate: float
    iterations: int
    schedule: str = "one-cycle"
    halve_every: int = 0
    gradient_clip: float = 5.0
    batch_size: int = 100
    mixed_precision: bool = True
    momentum: float = 0.9
    weight_decay: float = 0.01
    dropout: float = 0.0
    warm_up: float = 0.25


# What is known under a network's name: recipes by name, or by name and task where a task has its
# own.
RECIPES: dict[str, dict[str | tuple[str, str], Recipe]] = {}


@checked
def recipe_for(recipe: str, model: str, task: str = "") -> Recipe:
    """Return the recipe of that name for a network and task.

    Raises
    ------
    UnknownNameError
        If there is none.

    Notes
    -----
    ``"paper"``: for AlexNet and AudioNet Becker et al. (2018), section 2.2: SGD with momentum 0.9.
    For PhoneCNN and SpeakerCNN the text says only that Palaz et al. (2019) and Muckenhirn et al.
    (2018) were followed. SGD in batches of 256 with momentum 0.5 and a learning rate of 0.1 that is
    halved: so trains RawSpeechClassification, the software of this line of work
    (github.com/idiap/RawSpeechClassification); it halves whenever the validation loss falls by less
    than 0.002, ours after every fifth of the iterations. The other recipes are ours: AdamW with a
    one-cycle schedule (Smith and Topin 2019) gets there in far fewer iterations.
    """
    plans = RECIPES[check_choice(model, RECIPES, "model that is trained here")]
    check_choice(recipe, [name for name in plans if isinstance(name, str)], f"recipe for {model}")
    return plans.get((recipe, task), plans[recipe])
