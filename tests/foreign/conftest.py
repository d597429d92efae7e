"""Servers that run on other packages' own interpreters are not imported here."""

collect_ignore = ["open62541_server.py", "rusty_bacnet_server.py"]
