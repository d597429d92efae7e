"""What a plant does with no EMS at all: pure laws from measured values to machine orders."""
