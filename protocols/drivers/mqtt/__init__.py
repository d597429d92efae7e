"""Field MQTT: what a device last published, as long as it is fresh."""
