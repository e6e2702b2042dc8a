"""Verifiers of one answer: pure, or running in the sandbox. Graders wrap them, cascades use them."""
