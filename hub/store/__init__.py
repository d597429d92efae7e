"""Series of the plant: one port, `SeriesStore`, and its engines.

Callers know `port.py` and open a store by `engine.py`, never a table or an engine. Not here: plans, orders
and people (the business database, `hub/database.py`).
"""
