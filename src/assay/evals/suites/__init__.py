"""Suites: their files, their samples, reading them at any size, writing them."""
