"""One folder per field protocol; none knows another."""
