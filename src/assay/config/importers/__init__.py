"""Turns the configuration of another gateway into an `assay.toml`, and lists what could not be carried over."""
