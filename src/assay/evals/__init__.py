"""Suites, graders, the runner and scorecards."""
