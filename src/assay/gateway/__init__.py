"""The HTTP door: clients' dialects in, the spine behind, nothing of a framework between."""
