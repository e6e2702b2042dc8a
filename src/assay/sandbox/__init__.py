"""Rooms where model-written code runs: so far SQL over a read-only database."""
