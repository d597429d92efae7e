"""Local controllers: laws of `plant/control` on the process image each second, each in its own process.

file.py     both files in force, checked             worker.py    the process one law runs in
laws.py     from points to a law and back            words.py     reasons as sentences
runner.py   asks, waits, isolates, hands on
device.py   a controller as a device with points, so that its advice is seen like any reading

In advice mode nothing is written: what a controller would do is published, and that is all. In active mode
its outputs go to the gate, which alone writes. What a controller is told in its file, and whether
that fits, stands in `plant/control`, where the hub reads it too. The hub, the journal and the bus are not
known here.
"""
