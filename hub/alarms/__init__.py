"""Alarms of a site by ISA-18.2: rules, the pure watch over them, the office that runs it, and who is told.

Pure and in virtual time: `config`, `rules`, `facts`, `conditions`, `states`, `engine`, `figures`, `phrases`.
Beside them `book` and `setpoints` (database), `watch` and `hearing` (bus), `teller` and `senders` (mail and
hooks), `trimming`. Not here: what the API shows (`hub/api`).
"""
