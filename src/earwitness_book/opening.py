"""The first call of every notebook."""

import pandas as pd

from earwitness import figures, runtime
from earwitness.provenance import provenance


def begin(seed: int = 0) -> pd.DataFrame:
    """Seed every generator, set the style of figures and the process, and return what the numbers depend on.

    Parameters
    ----------
    seed : int
        Of torch, numpy and Python.

    Returns
    -------
    DataFrame
        A row for commit, profile, each package that matters, and the processor; shown at the top of a notebook.
    """
    runtime.tune()
    runtime.seed(seed)
    figures.use_style()
    return pd.Series(provenance(), name="made with").to_frame()
