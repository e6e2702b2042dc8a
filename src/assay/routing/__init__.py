"""Policies: pure functions that choose the next step of a request."""
