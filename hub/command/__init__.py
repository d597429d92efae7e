"""Set-points on their way down: which leases are wanted, which are held, what is sent next.

`desk.py` decides without I/O; `issuer.py` writes rows, signs and publishes; `receipts.py` brings the
answers back. Not here: which value is right (dispatch), and what a receipt means for an order
(`hub/ledger/moves.py`).
"""
