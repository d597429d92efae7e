"""What goes wrong, drawn from the seed: each fault begins, lasts and heals; at the end all is well again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.simulation.bus import Bus, Noise
from tests.simulation.devices import Machine
from tests.simulation.edge import SimEdge, Site
from tests.simulation.hub import LEADER_S, SimHub
from tests.simulation.judge import Judge

_MOST_STEPS: Final = 14
"""A process dies at most so many commits, writes or messages after it was told to. [-]"""


@dataclass
class Weather:
    """Draws faults and sees to it that each heals."""

    chance: Random
    site: Site
    edges: dict[str, SimEdge]
    hubs: list[SimHub]

    @property
    def bus(self) -> Bus:
        """The wires."""
        return self.site.bus

    @property
    def judge(self) -> Judge:
        """Has to know which machines are in trouble."""
        return self.site.judge

    def strike(self) -> None:
        """One fault, drawn."""
        faults: list[tuple[Callable[[], None], int]] = [
            (self._noise, 4), (self._partition, 5), (self._one_way, 4), (self._bus_crash, 2),
            (self._replay, 4), (self._wall, 2), (self._hub_dies, 4), (self._hub_freezes, 3),
            (self._hub_is_slow, 4), (self._edge_dies, 5), (self._silent, 3), (self._deaf, 1),
            (self._forgets, 2), (self._hand, 3), (self._local, 2), (self._safety, 1), (self._dew, 2),
        ]  # fmt: skip
        self.chance.choices([fault for fault, _ in faults], [weight for _, weight in faults])[0]()

    def tell(self, what: str) -> None:
        """A line of the story."""
        self.site.story.tell("weather", what)

    def _for(self, most_s: float, heal: Callable[[], None]) -> None:
        self.site.timeline.after(self.chance.uniform(0.3, most_s), heal)

    # -- wires ---------------------------------------------------------------------------------

    def _noise(self) -> None:
        worst = Noise(
            drop=self.chance.choice([0.0, 0.1, 0.5]), double=self.chance.choice([0.0, 0.5]),
            late=self.chance.choice([0.0, 0.5]), late_s=self.chance.choice([0.3, 3.0, 15.0]),
        )  # fmt: skip
        self.tell(f"wires: {worst}")
        self.bus.noise = worst

        def heal() -> None:
            self.bus.noise = Noise()

        self._for(8.0, heal)

    def _partition(self) -> None:
        name = self.chance.choice(
            [*sorted(self.edges), *sorted(self.edges), *(hub.name for hub in self.hubs)]
        )
        self.tell(f"the wire of {name} is cut")
        self.bus.cut.add(name)

        def heal() -> None:
            self.tell(f"the wire of {name} is whole")
            self.bus.cut.discard(name)
            self.bus.flush()

        self._for(12.5, heal)

    def _one_way(self) -> None:
        edge = self.chance.choice(sorted(self.edges))
        self.tell(f"{edge} is heard and hears nothing")
        self.bus.deaf.add(edge)

        def heal() -> None:
            self.tell(f"{edge} hears again")
            self.bus.deaf.discard(edge)
            self.bus.flush()

        self.site.timeline.after(self.chance.choice([2.0, 6.0, 12.0]), heal)

    def _bus_crash(self) -> None:
        self.tell("the bus dies")
        self.bus.crash()

        def heal() -> None:
            self.tell("the bus is back")
            self.bus.down = False
            self.bus.flush()

        self._for(6.0, heal)

    def _replay(self) -> None:
        self.tell("somebody sends what was recorded once more")
        other = self.chance.choice([None, None, self.chance.choice(sorted(self.edges))])
        for _ in range(self.chance.randint(1, 30)):
            number, after_s = self.chance.randrange(10_000), self.chance.uniform(0.0, 3.0)
            self.site.timeline.after(after_s, lambda number=number: self.bus.again(number, other))  # type: ignore[misc]  # bound now

    # -- processes -----------------------------------------------------------------------------

    def _hub_dies(self) -> None:
        hub = self.chance.choice(self.hubs)
        hub.kill_after(self.chance.randrange(_MOST_STEPS))

        def heal() -> None:
            if hub.alive:
                hub.end("is killed")
            hub.start()

        self._for(8.0, heal)

    def _hub_freezes(self) -> None:
        hub = self.chance.choice(self.hubs)
        self.tell(f"{hub.name} is frozen")
        seconds = self.chance.choice([LEADER_S / 2, LEADER_S + 2.0, 11.0])
        hub.frozen_until_ns = self.site.timeline.now_ns + round(seconds * 1e9)

    def _hub_is_slow(self) -> None:
        hub = self.chance.choice(self.hubs)
        self.tell(f"database and bus answer {hub.name} late")
        hub.slow_until_ns = self.site.timeline.now_ns + round(self.chance.uniform(1.0, 10.0) * 1e9)

    def _edge_dies(self) -> None:
        edge = self.edges[self.chance.choice(sorted(self.edges))]
        edge.kill_after(self.chance.randrange(_MOST_STEPS))
        new_boot = self.chance.random() < 0.4

        def heal() -> None:
            if edge.alive:
                edge.end("is killed")
            edge.start(new_boot=new_boot)

        self._for(self.chance.choice([1.0, 11.0]), heal)

    def _wall(self) -> None:
        shift_s = self.chance.choice([-86400.0, -30.0, 30.0, 86400.0 * 365])
        if self.chance.random() < 0.7:
            edge = self.edges[self.chance.choice(sorted(self.edges))]
            self.tell(f"the wall clock of {edge.name} jumps by {shift_s} s")
            edge.wall_shift_s += shift_s
        else:
            hub = self.chance.choice(self.hubs)
            self.tell(f"the wall clock of {hub.name} jumps by 3 s")
            hub.clock.wall_shift_s += 3.0

    # -- machines ------------------------------------------------------------------------------

    def _machine(self) -> tuple[str, Machine]:
        edge = self.chance.choice(sorted(self.edges))
        machines = self.edges[edge].machines
        return edge, machines[self.chance.choice(sorted(machines))]

    def _begin(self, edge: str, what: str) -> Callable[[], None]:
        self.tell(what)
        self.judge.trouble(edge, 1)

        def healed() -> None:
            self.tell(f"no longer: {what}")
            self.judge.trouble(edge, -1)

        return healed

    def _switched(self, attribute: str, what: str, most_s: float) -> None:
        edge, machine = self._machine()
        if getattr(machine, attribute):
            return
        healed = self._begin(edge, f"{machine.name} {what}")
        setattr(machine, attribute, True)

        def heal() -> None:
            setattr(machine, attribute, False)
            healed()

        self._for(most_s, heal)

    def _silent(self) -> None:
        self._switched("silent", "gives no answer", 10.0)

    def _deaf(self) -> None:
        self._switched("deaf", "says yes and keeps its values", 5.0)

    def _local(self) -> None:
        edge, machine = self._machine()
        if machine.local or not any(register.spec.hand for register in machine.registers.values()):
            return
        healed = self._begin(edge, f"the local switch of {machine.name} is turned")
        machine.local = True

        def heal() -> None:
            machine.local = False
            healed()

        self._for(8.0, heal)

    def _safety(self) -> None:
        edge, machine = self._machine()
        if machine.safety or not any(register.spec.safety for register in machine.registers.values()):
            return
        healed = self._begin(edge, f"the safety of {machine.name} acts")
        machine.safety = True

        def heal() -> None:
            machine.safety = False
            healed()

        self._for(5.0, heal)

    def _forgets(self) -> None:
        edge, machine = self._machine()
        self.tell(f"the power of {machine.name} is away for a moment")
        machine.forget()
        self.judge.trouble(edge, 0)

    def _hand(self) -> None:
        edge, machine = self._machine()
        point = self.chance.choice(sorted(machine.registers))
        spec = machine.registers[point].spec
        value = self.chance.choice([*spec.values, spec.idle])
        if not spec.slot:  # in a priority array a hand has a slot of its own
            machine.by_hand(point, value, "by hand")
            self.judge.trouble(edge, 0)

    def _dew(self) -> None:
        edge = self.chance.choice(sorted(self.edges))
        conditions = [spec.condition for spec in self.edges[edge].specs.values()]
        names = sorted({condition[0] for condition in conditions if condition is not None})
        if not names:
            return
        name = names[0]
        bad = self.chance.choice([None, 9.0])
        healed = self._begin(edge, f"{name} is {bad}")
        self.site.dew[name] = bad

        def heal() -> None:
            self.site.dew[name] = 0.0
            healed()

        self._for(6.0, heal)
