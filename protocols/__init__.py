"""What crosses a boundary: contracts, and the dialects of the field (`links/`, `drivers/`).

The bottom floor: it imports no other package of the house, and its contract modules neither drivers nor
links nor asyncio. Not here: queues, retries, clocks, files.
"""
