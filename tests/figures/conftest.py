"""Axes in the style of the book, and something to draw."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from earwitness import figures

matplotlib.use("Agg")


@pytest.fixture
def ax():
    with plt.rc_context():
        figures.use_style()
        figure, ax = figures.panels()
        yield ax
        plt.close(figure)


@pytest.fixture
def relevance():
    return np.random.default_rng(0).normal(size=(9, 12))


@pytest.fixture
def level_db():
    return np.random.default_rng(1).uniform(-80, 0, (9, 12))
