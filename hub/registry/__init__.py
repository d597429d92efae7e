"""Which site, edges, devices and points there are, by the configuration."""
