"""Answers and sums of the identify folds -> cells, statistics, scores, masks."""
