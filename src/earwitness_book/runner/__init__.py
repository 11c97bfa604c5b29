"""Executes notebooks and builds the site from them; knows nothing of audio.

============== ====================================================================================
notebooks      which notebooks there are, and which one a reader means
parameters     what a notebook lets a reader change, read from the notebook itself
profiles       named sets of overrides: smoke, demo, real, paper
execute        one notebook through papermill, kept under a hash of everything that determines it
parallel       many notebooks, one after the other or on a dask cluster
pages          an executed notebook as a page of the book
site           the book as a folder of HTML that needs no network
check          whether that folder holds what the notebooks promised
============== ====================================================================================
"""
