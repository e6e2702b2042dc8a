"""Experiments on live traffic: A/B read out, rollouts that guard themselves, and pairs of answers to learn from."""
