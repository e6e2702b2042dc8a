"""Adapting: prompt and examples are searched per model on dev, and what wins is decided on held-out samples."""
