"""Local controllers: laws of `plant/control` on the process image each second, each in its own process.

models.py   what a controller is told in its file    file.py      the file, checked against the edge's points
laws.py     from points to a law and back            worker.py    the process one law runs in
runner.py   asks, waits, isolates, hands on          words.py     reasons as sentences
device.py   a controller as a device with points, so that its advice is seen like any reading

In advice mode nothing is written: what a controller would do is published, and that is all. In active mode
its outputs go to the gate, which alone writes. The hub, the journal and the bus are not known here.
"""
