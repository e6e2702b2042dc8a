"""A move from one deployment or route to another: proved first, then made in steps, with a way back."""
