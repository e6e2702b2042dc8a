"""Where the data of a request may go: its effective label, and the last check before a send."""
