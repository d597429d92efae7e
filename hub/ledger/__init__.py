"""What was ordered and what became of it: a row is committed before its command is published."""
