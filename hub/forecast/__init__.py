"""What the plant will need: similar days, gated, with a named way out when they cannot be trusted."""
