"""Train a network on a corpus (Lightning), once: the result is cached under everything that
determines it.

``experiment`` is the protocol: examples, network, loss, validation. Each kind of network follows it
in a module of its own, registered with the network's name and its recipes: ``clips``, ``frames``,
``directions``, ``quality``, ``digits``. ``fitting`` looks into the cache, ``loop`` trains,
``exporting`` writes weights with a card.
"""

from earwitness.training import clips, digits, directions, frames, quality
from earwitness.training.clips import TrainedOnClips, represent, seconds
from earwitness.training.experiment import Experiment, trains
from earwitness.training.exporting import export
from earwitness.training.fitting import cross_validate, fit, summary, untrained
from earwitness.training.frames import FrameRecipe, TrainedOnFrames, frame_targets
from earwitness.training.recipes import RECIPES, Recipe, recipe_for
from earwitness.training.tasks import Task, tasks
from earwitness.training.trained import Trained, TrainedClassifier

__all__ = [
    "RECIPES",
    "Experiment",
    "FrameRecipe",
    "Recipe",
    "Task",
    "Trained",
    "TrainedClassifier",
    "TrainedOnClips",
    "TrainedOnFrames",
    "clips",
    "cross_validate",
    "digits",
    "directions",
    "export",
    "fit",
    "frame_targets",
    "frames",
    "quality",
    "recipe_for",
    "represent",
    "seconds",
    "summary",
    "tasks",
    "trains",
    "untrained",
]
