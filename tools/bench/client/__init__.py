"""Our own client: a small single-threaded HTTP load, in a process of its own.

It makes what wrk can't (held, stalled and slow downloads, whole files counted to the last
byte), and stands in for wrk where that is not installed. It runs as
`python -m bench.client` and takes its orders from its standard input.
"""
