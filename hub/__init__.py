"""The hub: takes in, keeps, plans and commands; one parent process, one child process a role."""
