"""Messages that leave the hub: mail, webhooks, robots; and how long one is tried again."""
