"""Cells of questions x masks -> letter probabilities and activation sums."""
