"""Other tools' files as suites, and suites as their files; what cannot be carried over is told, item by item."""
