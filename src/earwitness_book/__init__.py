"""The executable book: what runs, records and renders the chapters; the library is
:mod:`earwitness`.
"""


def begin(seed: int = 0):
    """Seed every generator, set the style of figures and the process, and return what the numbers
    depend on.

    Parameters
    ----------
    seed : int
        Of torch, numpy and Python.

    Returns
    -------
    DataFrame
        A row for commit, profile, each package that matters, and the processor; shown at the top of
        a notebook.
    """
    import pandas as pd  # here, because the command line must not load what only notebooks need

    from earwitness import figures, runtime
    from earwitness.provenance import provenance

    runtime.tune()
    runtime.seed(seed)
    figures.use_style()
    return pd.Series(provenance(), name="made with").to_frame()
