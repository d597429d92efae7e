"""Northbound outlet: the same samples that go to the journal, told to a broker of somebody else over MQTT.

What belongs here: choosing points, the form of messages, the session at that broker, and counting what was
told and what was given up. What does not: anything that obeys. No topic is listened to but the one by which a
Sparkplug host asks for a rebirth. It takes frames from the poller without ever waiting, and neither journal
nor bus know of it.
"""
