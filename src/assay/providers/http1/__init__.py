"""A small HTTP/1.1 client: one pool of kept-alive connections, strict about what comes back."""
