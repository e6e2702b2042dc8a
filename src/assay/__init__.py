"""assay: choose a model by evidence, pin it, adapt it, serve it."""

__version__ = "0.1.0"
