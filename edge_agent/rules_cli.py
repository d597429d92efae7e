"""`ems edge rules`: check the declarative rules of an edge, and try them against history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.controllers.file import file_in_force
from edge_agent.rules_file import save_tried
from edge_agent.rules_try import STALE_S, Tried, load_history, try_rules
from edge_agent.settings import Place, load_accepted
from protocols.errors import ConfigError
from protocols.rule_check import PointFacts, misfits
from protocols.rules import RuleBook, leaves
from runtime.clock import NS, iso_utc
from runtime.fitting import point_facts, told
from runtime.site import rules_file
from runtime.yaml_config import load_config

app = typer.Typer(no_args_is_help=True, help="Declarative rules: check them, try them against history.")

Rules = Annotated[Path | None, typer.Argument(help="The rules, YAML; without it those in force.")]
Config = Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")]
Site = Annotated[str, typer.Option(help="Site below the configuration.")]
Edge = Annotated[str, typer.Option(help="Id of this edge.")]
State = Annotated[Path, typer.Option(help="Folder of the agent's own state.")]
Keys = Annotated[Path, typer.Option(help="Folder of the keys.")]

_MOST_SHOWN = 50


@app.command()
def check(  # noqa: PLR0913  one option each
    rules: Rules = None,
    *,
    config: Config = Path("configs"),
    site: Site = "demo",
    edge: Edge = "edge1",
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
) -> None:
    """Check a rule file against the points and limits of an edge; every fault is named with file and line.

    Example: ems edge rules check configs/sites/demo/edge1.rules.yaml
    """
    path, book, _ = _load(rules, Place(config, site, edge, state, keys, ""))
    active = sum(rule.mode == "active" for rule in book.rules)
    typer.echo(f"{path}: {len(book.rules)} rules fit {site}/{edge}; {active} of them are to act")


@app.command("try")
def try_(  # noqa: PLR0913  one option each
    rules: Rules = None,
    *,
    data: Annotated[Path, typer.Option(help="Parquet file of `ems edge export`.")],
    stale_s: Annotated[float, typer.Option(min=1, help="A value older than this is missing.")] = STALE_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    config: Config = Path("configs"),
    site: Site = "demo",
    edge: Edge = "edge1",
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
) -> None:
    """Print when each rule would have acted in a period of the past, and note that it was tried.

    A rule that is to act (`mode: active`) only advises until it was tried exactly as it is.

    Example: ems edge rules try configs/sites/demo/edge1.rules.yaml --data may_1.parquet
    """
    path, book, facts = _load(rules, Place(config, site, edge, state, keys, ""))
    if not book.rules:
        raise ConfigError(f"{path} holds no rule")
    history = load_history(data, [leaf.point for rule in book.rules for leaf in leaves(rule.when)])
    found = try_rules(book, facts, history, stale_s)
    save_tried(state, {one.rule.rule.digest(): one.trial(history.span_ns) for one in found if not one.unseen})
    typer.echo(_json(found, facts) if as_json else "\n".join(_lines(found, facts)))


def _load(rules: Path | None, place: Place) -> tuple[Path, RuleBook, dict[str, PointFacts]]:
    accepted = load_accepted(place)
    facts = point_facts(accepted.site, accepted.blocks)
    path = rules or file_in_force(accepted, rules_file)
    book = load_config(path, RuleBook)
    if faults := told(path, misfits(book, facts, {})):
        raise ConfigError("\n".join(faults))
    return path, book, facts


def _lines(found: list[Tried], facts: dict[str, PointFacts]) -> list[str]:
    lines = []
    for one in found:
        name = one.rule.rule.id
        if one.unseen:
            lines.append(f"{name}: not tried; the file has no sample of {', '.join(one.unseen)}")
            continue
        acting_s = sum(episode.end_ns - episode.start_ns for episode in one.episodes) / NS
        wants = ", ".join(f"{point} = {value:g} {facts[point].unit}" for point, value in one.rule.wanted)
        lines.append(
            f"{name}: {len(one.episodes)} times, {acting_s:.0f} s in all, inputs missing for "
            f"{one.unknown_s:.0f} s; wants {wants}"
        )
        lines += [
            f"  {iso_utc(episode.start_ns)} to "
            + ("the end of the data" if episode.open else iso_utc(episode.end_ns))
            for episode in one.episodes[:_MOST_SHOWN]
        ]
        if len(one.episodes) > _MOST_SHOWN:
            lines.append(f"  and {len(one.episodes) - _MOST_SHOWN} more; --json has all")
    return lines


def _json(found: list[Tried], facts: dict[str, PointFacts]) -> str:
    return json.dumps(
        [
            {
                "rule": one.rule.rule.id,
                "unseen": one.unseen,
                "unknown_s": one.unknown_s,
                "wants": {
                    point: {"value": value, "unit": facts[point].unit} for point, value in one.rule.wanted
                },
                "episodes": [
                    {
                        "from": iso_utc(episode.start_ns),
                        "to": None if episode.open else iso_utc(episode.end_ns),
                    }
                    for episode in one.episodes
                ],
            }
            for one in found
        ],
        indent=1,
    )
