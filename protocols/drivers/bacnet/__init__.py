"""BACnet/IP: many points a request, one application for all devices, writes into the priority array."""
