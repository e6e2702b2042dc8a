"""Open weights on this machine: a supervised child process per file of weights, shared by its deployments."""
