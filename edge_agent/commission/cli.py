"""The commands of commissioning, hung into `ems edge`."""

from __future__ import annotations

import typer

from edge_agent.commission.commission_cli import commission
from edge_agent.commission.init_cli import init
from edge_agent.commission.profile_cli import app as profile_app
from edge_agent.commission.read_cli import read
from edge_agent.commission.table import mount
from edge_agent.commission.write_cli import write


def add_commands(app: typer.Typer) -> None:
    """Add the commands an installer needs before the agent runs."""
    app.add_typer(profile_app, name="profile")
    app.command()(init)
    app.command()(read)
    app.command()(write)
    app.command()(commission)
    mount(app, profile_app)
