"""The clients of a scenario: a small single-threaded program in a process of its own.

It runs as `python -m comparing.client`, takes its order from its standard input, and talks
with us as bench.conversation describes.
"""
