"""Measure a running server from outside: its memory, its connections, its open files.

Works on any server. Linux gives every figure; elsewhere what the platform does not
tell is None and is shown as "n/a". One module has one meaning:

figures      sizes and durations, read and written
memory       the pages of a process: own against file-backed
sockets      the TCP sockets of a server by state, and its send queues
kernel       TCP memory of the whole machine
cgroup       usage and limit of the group that the server runs in
descriptors  one pass over the open descriptors: sockets and downloads
processes    whom to watch: a port, a pid, and everything they started
launch       a server that is started, watched and surely ended
sample       all of it at one moment
history      samples over time: peak, growth, slope
limits       what a run may use before it has failed
sentences    what the figures mean, in words
records      CSV and JSON
plot         a picture of a run
graph        graphs out of characters
lines, live  one line per sample, or a view that fills the terminal
terminal     signals and keys as events
arguments, monitor_options  command lines
"""
