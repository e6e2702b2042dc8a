"""First samples for a suite, written by a model from what a team has, verified by checks, approved by a person."""
