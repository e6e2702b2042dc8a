"""Kinds of work found in requests that name none."""
