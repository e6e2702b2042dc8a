"""Files of weights: where they are, what they are, and whether they are whole."""
