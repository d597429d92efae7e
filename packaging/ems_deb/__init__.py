"""Builds the Debian package of the edge: wheels of a target, laid out for the box's own Python.

Here belongs what makes the package (docs/adr/0015); what is in it is the business of the other packages. Its
scripts stand in `packaging/debian`, the unit in `systemd`. `make deb ARCH=arm64 PY=3.11` runs it.
"""
