"""A decision or a run as a page: HTML, Markdown, notebook."""
