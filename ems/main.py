"""`ems`: one command; a package is imported only when one of its sub-commands is asked for.

Bad input ends with one clear sentence on standard error and exit code 2.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import typer
from typer.exceptions import Abort, TyperException

from protocols.errors import EmsError
from runtime.children import die_with_parent

DIE_WITH_PARENT: Final = "EMS_DIE_WITH_PARENT"
"""Set by a parent that wants the kernel to end its children with it."""

_COMMANDS: Final = {
    "accounts": (
        "ems.accounts_cli",
        "What energy cost and emitted: invoices, prices, advice, accounts.",
        "ems accounts bill configs/contracts/cn_hubei_10kv.yaml readings.csv --month 2026-01",
    ),
    "backup": (
        "ems.backup_cli",
        "Back up a hub while it runs, or try a backup.",
        "ems backup /backups --state var/hub",
    ),
    "demo": (
        "ems.demo.cli",
        "A whole plant on this machine: simulated equipment, edge, bus, hub, page.",
        "ems demo --for 90 --out demo.json",
    ),
    "bus": (
        "ems.bus_cli",
        "The plant bus (NATS JetStream).",
        "ems bus run --state var/bus --keys var/keys --edge edge1",
    ),
    "command": (
        "ems.command_cli",
        "Set a value, see who holds it, stop and release automatic control.",
        "ems command set demo/comp4/pressure_set_bar_g 6.6 --for 15m --reason test",
    ),
    "curves": (
        "ems.curves_cli",
        "Curves of machines learnt from what was measured: fit, show, accept.",
        "ems curves fit --days 28",
    ),
    "edge": ("edge_agent.cli", "The agent beside the equipment.", "ems edge check --site demo --edge edge1"),
    "doctor": (
        "edge_agent.doctor",
        "What could keep this box from its work, and what to do.",
        "ems doctor --site demo --edge edge1 --state var/edge",
    ),
    "hub": (
        "hub.cli",
        "The central hub: store, page, forecast, dispatch.",
        "ems hub run --site demo --state var/hub --port 8080",
    ),
    "optimize": (
        "ems.optimize_cli",
        "A plan from a case file: least cost, its bound, and what is not kept.",
        "ems optimize dispatch case.yaml --plot plan.svg",
    ),
    "report": (
        "ems.report_cli",
        "Reports as Excel and PDF: made now, or each day, week, month or year, and mailed.",
        "ems report make carbon 2026-10 --language zh --out reports",
    ),
    "restore": (
        "ems.backup_cli",
        "Make a hub's folder from a backup.",
        "ems restore FILE --to var/hub",
    ),
    "sim": (
        "simulator.cli",
        "A simulated plant that speaks the real protocols.",
        "ems sim fault comp1 silent --state var/sim",
    ),
}


_LASTING: Final = {"edge run": "edge_agent.run_cli"}
"""Sub-commands that stay for years on a small box: their module knows no other command of the package."""

_ALONE: Final = frozenset({"backup", "doctor", "restore"})
"""Commands without sub-commands: the function of the same name in their module."""


def app_names() -> tuple[str, ...]:
    """Every command, in the order of the help."""
    return tuple(_COMMANDS)


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command tree; only the sub-command that `arguments` name is filled with its own commands."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
        help="Ai4Energy EMS.\n\nExample: ems demo --for 90",
    )  # fmt: skip
    for name, (module, text, example) in _COMMANDS.items():
        described = f"{text}\n\nExample: {example}"
        if importlib.util.find_spec(module.rpartition(".")[0]) is None:
            continue  # a box of the edge has no hub and no simulator
        if name in arguments[:1] and name in _ALONE:
            app.command(name)(getattr(importlib.import_module(module), name))
        elif name in arguments[:1]:
            wanted = _LASTING.get(" ".join(arguments[:2]), module)
            app.add_typer(importlib.import_module(wanted).app, name=name, help=described)
        else:
            app.command(name, help=text)(_listed)
    return app


def _listed() -> None:
    """Stands in the help for a package that was not imported; never runs, because a run imports it."""


def main() -> None:
    """Entry point of the console script; a fault a person can mend is one sentence, without a traceback."""
    if os.environ.get(DIE_WITH_PARENT):
        die_with_parent()
    try:
        code = build_app(sys.argv[1:])(standalone_mode=False)
    except TyperException as error:
        _give_up(error.format_message(), error.exit_code)
    except (Abort, KeyboardInterrupt):
        _give_up("interrupted", 130)
    except (EmsError, OSError, BaseExceptionGroup) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        _give_up(sentence, 2)
    sys.exit(code or 0)


def _sentence(error: BaseException) -> str | None:
    """What to tell the person, or None for a fault of ours that needs its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    return str(error) if isinstance(error, EmsError) else None


def _give_up(text: str, code: int) -> NoReturn:
    """Say why on standard error; no text where typer printed the help already."""
    if text:
        sys.stderr.write(f"ems: {text}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
