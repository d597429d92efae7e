"""The demo: a whole plant on one machine, from simulated equipment to verified set-points."""
