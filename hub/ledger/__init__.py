"""What was ordered and what became of it: a row is committed before its command is published.

`moves.py` is the pure table of standings, `book.py` the writes, `queries.py` what others ask. Not here: the
bus.
"""
