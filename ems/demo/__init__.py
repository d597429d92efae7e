"""The demo: a whole plant on one machine, from simulated equipment to verified set-points.

run.py        one demo, in three acts           startup.py   every part comes up
timeline.py   time passes, the hub is killed    ending.py    counts are taken and written
parts.py      the processes                     measure.py   each figure from the part that knows it
layout.py     folders, ports, keys              history.py   thirty days of past

Not here: anything the plant needs in earnest. The parts are the same processes an operator runs.
"""
