"""Watching hosted deployments: a few samples a day, and an alarm when a model was changed behind its name."""
