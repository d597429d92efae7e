"""Learning of curves at the hub: rows from the series store, proposals kept, accepted as a configuration.

What belongs here: reading what machines did, keeping what came of a fit, putting an accepted curve into
`sites/<site>/curves.yaml`. The fit itself is pure and stands in `plant/learning`.
"""
