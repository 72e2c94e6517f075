"""Programs that use evloop from outside: `evloop monitor`, `evloop soak`, `evloop bench`.

load        clients by the thousand on evloop's own reactor, every byte checked
lab         servers under test: found or started, measured from outside, and surely ended
report      figures, tables, verdicts, pages, pictures, progress, and the words of command lines
campaign    several servers through several measurements, round by round
monitoring  the monitor
soaking     the soak test
bench       the benchmark
programs    which of them a name starts
"""
