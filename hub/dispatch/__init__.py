"""From what is measured to what each machine is told: a pure core, and a child process that solves."""
