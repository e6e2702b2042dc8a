"""Public benchmarks, asked by the tools that own them through a gateway of ours: weather beside a team's own work."""
