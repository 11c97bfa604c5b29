"""The executable book: what runs, records and renders the chapters; the library is
:mod:`earwitness`.
"""

import sys

# With this package jsonschema, a part of nbformat, compiles 38 grammars of internet addresses as it
# is imported, for a second and a half in each process; the schema of notebooks asks for none.
sys.modules.setdefault("rfc3987_syntax", None)


def begin(seed: int = 0):
    """Seed every generator, set the style of figures and the process, and return what the numbers
    depend on. In a notebook figures have two points for each of a page's, and say where the red of
    their maps lies.

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
    from IPython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    from earwitness import figures, runtime
    from earwitness.provenance import provenance
    from earwitness_book import described

    runtime.tune()
    runtime.seed(seed)
    figures.use_style()
    if (shell := get_ipython()) is not None:
        set_matplotlib_formats("retina")
        described.figures_speak(shell)
    return pd.Series(provenance(), name="made with").to_frame()
