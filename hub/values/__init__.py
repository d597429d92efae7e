"""Values that are right: virtual points, cleaning rules, counters, balances, calendar windows.

Everything here is arithmetic on what the store's port gives (`hub/store/port.py`); nothing is kept, and raw
data never change. Not here: how series are stored and rolled up (`hub/store`), what the API answers.
"""
