"""The process beside the equipment; works for days without the hub.

Here: polling, the journal, the way to the bus, and the gate, the only place that lets a write through. Stages
meet in `service.py` and nowhere else. Not here: anything that plans or reads a flowsheet, what a protocol's
bytes look like (`protocols/drivers`), and whatever needs a person's login (the hub).
"""
