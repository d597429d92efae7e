"""One module per kind of equipment: its parameters, its state and its equations."""
