"""Thousands of clients in one thread, who check every byte that they get.

Works against any HTTP/1.1 server. One module has one meaning:

faults      what can be wrong with an answer, by kind
content     what the bytes of a file are, so that each one can be checked
files       the files to ask for, and those that a document root is made of
requests    what is asked, as bytes, and which answers are right
heads       what a response head says
bodies      the bytes of a response, checked as they come
dialogue    requests on one connection and the answers to them, without a socket
endpoint    where the server is, and sockets to it
link        a connection and its registration with the reactor
steps       what a client does next: the words in which behaviours are written
states      the states of a client, and what each one waits for
pace        how fast an answer is read
exchange    the state machine: one step at a time over one connection at a time
client      a visitor: a script, and the exchange that carries it out
behaviours  the scripts: full speed, slow, stalled, resuming, aborting ...
crowd       who comes when: a number of clients, or arrivals at a rate
tally       what was counted and timed
scenarios   the loads that have a name
rates, durations  so much per second, and times, as people write them
command_line, options  what is asked for
setting     files, server and descriptors: all that a run needs before it begins
preflight   every file asked for once: what is missing, and what is warm
watch       the memory of the server, from its base to its end
soak        the run: one loop on the reactor of evloop
result      what the run came to; verdict: PASS or FAIL, and the limits that decided
figures     all of it as numbers
report      all of it as a page; render writes it, plot draws
progress    what is seen while it runs
"""
