"""From the bus into the store: acknowledged after the commit, never before."""
