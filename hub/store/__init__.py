"""Series of the plant: one port, `SeriesStore`, and its engines.

Callers know `port.py` and `reader.py`, never a table. Not here: plans, orders and people (the business
database, `hub/database.py`).
"""
