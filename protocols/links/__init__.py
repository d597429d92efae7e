"""Bytes over a wire; not what they mean (`protocols/drivers`)."""
