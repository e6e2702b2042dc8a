"""Facts about models and hosts, each with its source and date; data files in `data/`, one per family."""
