"""What runs come to: scorecards, comparisons, corrections, what a suite can show."""
