"""From the bus into the store: acknowledged after the commit, never before.

The only writer of `series.db` while the hub runs. Not here: what a receipt does to an order; the ledger
reads it from the store.
"""
