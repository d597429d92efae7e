"""What crosses a boundary: contracts, and the dialects of the field (`links/`, `drivers/`)."""
