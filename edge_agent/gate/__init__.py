"""The gate: the one place that decides what is written to equipment, as a pure core without I/O.

state.py      what is known of each point          checks.py    may this message act?
events.py     what happens, what is to be done     ladder.py    who wins a point
core.py       decide(state, event, now)            lease.py     how a lease begins, is prolonged and ends
draft.py      the scratch copy of one decision     holding.py   write, read back, refresh
fallback.py   give a point back                    foreign.py   somebody else holds the point
start.py      after a restart                      pmap.py      a mapping that is cheap to change
store.py      what outlives a crash                book.py      which points may be written, from files

Not here: queues, tasks and the bus (`edge_agent/commands.py`), requests to devices (`edge_agent/apply.py`).
Only `store.py` and `book.py` touch files; the core imports neither.
"""
