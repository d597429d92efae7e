"""OPC UA: one read for all points of a device, each with its own status."""
