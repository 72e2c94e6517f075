"""Clients by the thousand in one thread, on the reactor of evloop; every byte is checked.

faults      what can be wrong with an answer, by kind
content     what the bytes of a file are, so that each one can be checked
files       the files to ask for
requests    what is asked, as bytes, and which answers are right
heads       what a response head says
bodies      the bytes of a response, checked as they come
dialogue    requests on one connection and the answers to them, without a socket
endpoint    where the server is, and sockets to it
connection  a connection and its registration with the reactor
steps       what a client does next: the words in which behaviours are written
states      the states of a client, and what each one waits for
pace        how fast an answer is read
exchange    the state machine: one step at a time over one connection at a time
client      a script, and the exchange that carries it out
behaviours  the scripts: full speed, slow, stalled, resuming, aborting ...
crowd       who comes when: a number of clients, or arrivals at a rate
tally       what was counted and timed
"""
