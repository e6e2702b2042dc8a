"""The spine: the only code that reaches a model."""
