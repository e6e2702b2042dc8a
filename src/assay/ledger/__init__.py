"""The append-only record of attempts, money, runs and decisions."""
