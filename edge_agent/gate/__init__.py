"""The gate: the one place that decides what is written to equipment, as a pure core without I/O.

state.py      what is known of each point          checks.py    may this message act?
events.py     what happens, what is to be done     ladder.py    who wins a point
core.py       decide(state, event, now)            lease.py     how a lease begins, is prolonged and ends
holding.py    write, read back, refresh            fallback.py  give a point back
foreign.py    somebody else holds the point        start.py     after a restart
store.py      what outlives a crash                book.py      which points may be written, from files
"""
