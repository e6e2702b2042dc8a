"""Which samples are for writing prompts and which decide."""
