"""From what is measured to what each machine is told: a pure core, and a child process that solves.

Not here: the model that is solved (`optimizer`), and how an order reaches an edge (`hub/command`).
"""
