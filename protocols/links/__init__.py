"""Bytes over a wire."""
