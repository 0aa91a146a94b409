"""Outcomes of the evaluate folds -> effects, ranks, comparisons."""
