"""`_headers` and `_redirects`: pure functions from text to what matches a path."""
