"""What a webhook is told: budgets that run out, breakers that open, models that drift or retire."""
