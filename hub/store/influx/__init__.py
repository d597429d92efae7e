"""The engine on an InfluxDB 2 server: samples there, everything that is no sample in the business database.

A range is committed in the business database only after the server has answered 204, so it is never ahead of
durable data; what was sent twice in between is the same point with the same instant, and so once there.
Not here: rollups' arithmetic (`hub/store/rollup.py`).
"""
