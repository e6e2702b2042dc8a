"""Choosing by evidence, explaining it, pinning it, and proving the pin again."""
