"""What equipment physically does: carriers, curves, limits, the flowsheet, `step`, local control laws.

Pure: numbers in, numbers out. One sign for power: taken from a bus is positive, so PV, a discharging battery
and a running CHP have a negative `power_kw`. Heat and cooling a machine gives are positive outputs.
"""
