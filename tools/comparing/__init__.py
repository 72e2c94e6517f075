"""Measure the streaming guide: the three strategies of evloop, and other servers beside them.

scenarios    who downloads what, and what the guide says of it
contenders   the three strategies as settings of evloop; other servers
quantities   what is observed
measures     one run of one server: from a scenario to a sample
alone        what needs no server: loading a file, and which method evloop chooses for it
campaign     every scenario, every server, round by round
promises     what must hold, for CI
tables       the tables of the page; cells: how a value stands in them
page         docs/memory.md, plots its pictures
cli          the command line
"""
