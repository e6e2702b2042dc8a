"""Reaching a model: over HTTP, in a local engine, or scripted. Only the spine imports this part."""
