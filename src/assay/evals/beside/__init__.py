"""Live answers compared with those of another who was asked beside: shadows and audits."""
