"""Who may come in: passwords, access tokens, sessions."""
