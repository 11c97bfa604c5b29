"""Fit a network to a fold of a corpus (Lightning), once: the result is cached under everything that determines it.

``fitting`` holds the training itself, ``recipes`` how long and how fast; what an example is, a second of a clip or a
frame of an utterance, stands in ``clips`` and ``frames``; ``exporting`` writes weights that the repository ships.
"""

from earwitness.training.clips import TrainedOnClips, represent, seconds
from earwitness.training.exporting import export
from earwitness.training.fitting import cross_validate, fit, summary
from earwitness.training.frames import TrainedOnFrames, frame_targets
from earwitness.training.recipes import RECIPES, FrameRecipe, Recipe, recipe_for
from earwitness.training.tasks import Task, tasks
from earwitness.training.trained import Trained

__all__ = [
    "RECIPES", "FrameRecipe", "Recipe", "Task", "Trained", "TrainedOnClips", "TrainedOnFrames", "cross_validate",
    "export", "fit", "frame_targets", "recipe_for", "represent", "seconds", "summary", "tasks",
]
