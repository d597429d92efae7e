"""What the plant will need: similar days, gated, with a named way out when they cannot be trusted.

Sees the store and the calendar, never the simulator. Not here: what is done about it (`hub/dispatch`).
"""
