"""The benchmark: evloop beside every server found on this machine, and a floor written in C.

What counts is what the server spends (CPU seconds of its
process tree, bytes of memory), not only what the client sees; every figure is the median of
interleaved rounds, and every goal of the project is shown as met or missed.
"""
