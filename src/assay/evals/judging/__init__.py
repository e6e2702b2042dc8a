"""Judges judged: beside people, and before answers that answer nothing."""
