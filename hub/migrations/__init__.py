"""Steps of the business database's schema, run by `hub.database.upgrade`."""
