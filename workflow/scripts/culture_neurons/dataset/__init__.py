"""Rows of any source -> checked questions and pictures -> questions as asked."""
