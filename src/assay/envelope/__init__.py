"""What may be called, and what it costs: hard constraints, money bounds, first estimates. Pure functions."""
