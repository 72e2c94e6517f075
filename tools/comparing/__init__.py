"""Measure the streaming guide: the three strategies of evloop, and other servers beside them.

scenarios    who downloads what, and what the guide says of it
contenders   the three strategies as settings of evloop; other servers
docroot      the files that are asked for
watch        memory of a server over time
client       the clients of a scenario, in a process of their own
orders       what these clients can be asked to do
other_tools  monitor.py and soak.py, run against a server
socket_memory  kernel memory by socket
loading      what loading a file takes without a server
measures     one run of one server: from a scenario to an observation
decision     which method the server itself chooses for a file
campaign     every scenario, every server, round by round
results      what was observed, as JSON
computed     what was too large to run
promises     what must hold, for CI
numbers      every number of the guide, with what was measured
tables       the tables of the page
beside       those with other servers
losses       where something else does better than evloop
cells        how a value stands in a table
page         docs/memory.md
plots        its pictures
arguments    the command line
"""
