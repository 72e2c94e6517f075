"""Where HTTP meets files: from a request to a response."""
