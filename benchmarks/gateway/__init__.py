"""The gateway beside nginx and whatever other gateways are installed: `python -m benchmarks.gateway [--json]`."""
