"""Brings what an embedded store has to a server of series, once: while the hub runs, but for the switch.

Belongs here: reading a store that stands still, and writing it elsewhere. Not: anything a running hub does.
"""
