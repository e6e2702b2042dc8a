"""Guards on trial: what they catch, what they stop by mistake, what they cost."""
