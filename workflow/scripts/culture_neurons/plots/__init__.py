"""Figures: one module per family, each a function from tables to a matplotlib Figure.

Not for computing results: what is drawn here is read from tables, but for shares, overlaps, and
their intervals, which no other step needs.
"""
