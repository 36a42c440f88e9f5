"""Recipes, the loops that carry them out, and the cache of runs.

`recipes` and `cache` import no torch, so that a plan (which runs are needed, which exist) is free; the loops do.
"""
