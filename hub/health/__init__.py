"""How the hub is: figures of every role for Prometheus, what is ill, and what that means for the plant.

Each role tells its figures and failures over the bus every few seconds; the role with the page keeps the
newest and answers for all. Not here: alarms of the plant.
"""
