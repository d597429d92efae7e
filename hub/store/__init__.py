"""Series of the plant: one port, `SeriesStore`, and its engines."""
