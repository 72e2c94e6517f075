"""`evloop check-site`: what is wrong with a site. Nothing that serves imports it."""
