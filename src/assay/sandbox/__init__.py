"""Rooms where model-written code runs: SQL over a read-only database, Python behind walls that the kernel keeps."""
