"""Who may come in: passwords, access tokens, sessions.

Not here: the signing key of commands, which only the dispatch role opens.
"""
