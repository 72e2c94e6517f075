"""What was found, for people: figures, graphs, and the words of command lines."""
