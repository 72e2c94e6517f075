"""One process: what it takes from the machine, and its life."""
