"""Pure statistics of passes and latencies: own code, no numpy; every formula names its source."""
