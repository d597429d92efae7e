"""Control laws as pure functions: memory, what is seen and the time in; what is wanted and a new memory out.

What a plant does with no EMS at all: baseline.py (all machines), cascade.py (pressure bands), thermostat.py,
heat_led.py, setpoints.py (what machines accept from outside).
What an edge does above that, each second: sequencer.py, staging.py, demand.py, follower.py, rules.py;
how it is told in a file: controllers.py, and whether that fits the edge's points: controller_check.py.
"""
