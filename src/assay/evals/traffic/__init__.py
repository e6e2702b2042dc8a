"""Real requests as samples: read from the ledger, drawn so that rare ones are there, with what people said."""
