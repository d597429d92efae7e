"""The process beside the equipment; works for days without the hub."""
