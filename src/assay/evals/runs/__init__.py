"""Asking and grading the samples of a suite, so that a run can be cut and goes on."""
