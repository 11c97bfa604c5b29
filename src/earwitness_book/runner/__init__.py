"""Executes notebooks and builds the site from them; knows nothing of audio.

The way down: the book -> a notebook -> its parameters with a profile's values -> a job with its key
-> a page.

============== ====================================================================================
notebooks      the book: its pages and notebooks, each read once, and which one a reader means
parameters     what a notebook lets a reader change, read from the notebook itself
choices        what a comment may say instead of a list of names: ``one of: corpora with task
digit`` profiles       named sets of overrides: smoke, demo, real, paper reach          which
modules a notebook imports, directly or not keys           what an executed notebook is kept under
execute        one notebook through papermill kernel         the Python that executes it, without
the settings of the user preloaded      kernels that begin where large libraries are imported
parallel       many notebooks: one after the other, several at once, on a
dask scheduler plan           what is about to be executed, why, and how long it took last time
sweep          one notebook with every combination of values recording      what a full run
measured, kept with what made it chapter        a skeleton for a new chapter pages          an
executed notebook as a page of the book site           the book as a folder of HTML that needs no
network check          whether that folder holds what the notebooks promised ==============
====================================================================================
"""
