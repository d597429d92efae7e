"""What stories of the gate are told with: somebody to act before a plant under the judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from protocols.command import Command, CommandKind
from tests.unit.gate.gate_judge import Judge
from tests.unit.gate.gate_plant import PlantDevice, folder, plant_rules
from tests.unit.gate.test_gate_protocol import Protocol

Story = Callable[[Protocol], None]


@contextmanager
def protocol(watchdog_s: float | None = None, quota_per_s: int = 100) -> Iterator[Protocol]:
    """Somebody to act, before a plant that has started; at the end all must come home."""
    one = Protocol()
    one.folder = folder()
    rules = plant_rules(watchdog_s=watchdog_s, quota_per_s=quota_per_s)
    one.world = Judge(Path(one.folder.name), rules, device=PlantDevice())
    one.world.start()
    try:
        yield one
        one.world.end()
    finally:
        one.world.store.close()
        one.folder.cleanup()


def set_(one: Protocol, point: str, value: float, **changes: object) -> Command:
    command = one.world.ask(point, value, **changes)
    one.deliver(command)
    return command


def act(one: Protocol, point: str, value: float, confirm: str | None = "bob") -> None:
    one.deliver(one.world.ask(point, value, kind=CommandKind.SELECT))
    one.deliver(one.world.ask(point, value, kind=CommandKind.OPERATE, confirm=confirm))
