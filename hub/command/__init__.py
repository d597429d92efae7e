"""Set-points on their way down: which leases are wanted, which are held, what is sent next."""
