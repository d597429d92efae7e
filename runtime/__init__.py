"""Plumbing that edge, hub and simulator share: bus, databases, clocks, keys, supervision.

Not here: anything that knows a plant, a set-point or a page.
"""
