"""The command line: mounts the sub-commands of the packages, and runs the demo.

Not here: what a sub-command does; that is the package's own `cli.py`.
"""
