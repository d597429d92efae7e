"""Data in, plan out: dispatch, its check and its forward simulation. Pure: no files, no network, no clock."""
