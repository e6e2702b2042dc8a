"""`assay.toml`: its schema, reading it, and saying exactly what is wrong with it."""
