"""The command line: mounts the sub-commands of the packages, and runs the demo."""
