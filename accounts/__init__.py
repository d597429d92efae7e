"""What energy cost and emitted: tariffs, invoices, accounts.

Pure: data in, figures out; no files, no network, no clock.
One engine says what a kilowatt-hour costs at an instant; the planner and the invoice both ask it. Money is
decimal and rounded once a line (docs/adr/0047).
"""
