"""The gate: the one place that decides what is written to equipment, as a pure core without I/O.

rules.py      what it goes by                  state.py       what it knows of each point
events.py     what happens, what is to be done core.py        decide(state, event, now)
draft.py      the scratch copy of one decision answers.py     the first receipt of a command, kept
checks.py     checks 1 to 12: may it act?      present.py     checks 13 to 18: may it act now?
orders.py     what each command does           selection.py   two-step acts and groups
acts.py       stop, out of service, opt-out    controller.py  the way in for a local controller
standing.py   rungs 0 to 2                     ladder.py      who wins a point, within which bounds
lease.py      how a lease begins and ends      wear.py        dwell, starts, step, write budget
holding.py    write, read back, refresh        fallback.py    give a point back, alone or as a group
foreign.py    somebody else holds the point    start.py       after a restart
view.py       who holds a point, and why       pmap.py        a mapping that is cheap to change
store.py      what outlives a crash            saved.py, audit.py   its rows, its chain of writes
book.py       which points may be written, from files

Not here: queues, tasks and the bus (`edge_agent/commands.py`), requests to devices (`edge_agent/apply.py`).
Only `store.py`, `audit.py` and `book.py` touch files; the core imports none of them.
"""
