"""How much of its context a target really uses, measured: facts hidden in generated text, by length and depth."""
