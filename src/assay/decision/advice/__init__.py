"""Advice before any eval: a decision tree over the catalogue's facts, and the evals that would refute it."""
