"""Several servers through several measurements, round by round, and what came of it.

results  figures by row and server, and the file that they are kept in
rounds   every server has its turn before the first has its second
command  what the command lines of campaigns have in common, from arguments to exit codes
"""
