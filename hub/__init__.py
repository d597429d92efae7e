"""The hub: takes in, keeps, plans and commands; one parent process, one child process a role.

Here: one package a stage (ingest, store, forecast, dispatch, command, ledger, api) and `roles/`, where
stages of one process meet. Not here: limits of set-points as law (the edge's gate is that), drivers, and
the physics and the mathematics, which are `plant` and `optimizer`.
"""
