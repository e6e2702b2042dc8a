"""Wire formats: pure functions in both directions, no input or output of their own."""
