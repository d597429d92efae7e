"""The process of the agent: one run after the other, as configurations are tried, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import Final

from edge_agent.configuration import Configured, Trial, Turn
from edge_agent.configuration_store import ConfigurationStore
from edge_agent.epoch import next_epoch
from edge_agent.loop import loop_factory
from edge_agent.options import Options
from edge_agent.service import run_agent
from edge_agent.settings import Accepted, Place, load_accepted, load_again
from protocols.configuration import Outcome, Why
from protocols.errors import EmsError
from runtime.clock import SystemClock

_log = logging.getLogger(__name__)
_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class _Run:
    accepted: Accepted
    turn: Turn
    store: ConfigurationStore
    options: Options

    async def until_its_end(self) -> bool:
        """One run; True when another is to follow."""
        stop = asyncio.Event()
        for number in _ENDS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
        try:
            epoch = next_epoch(self.accepted.place.state)
            await run_agent(self.accepted, epoch, stop, self.options, Configured(self.store, self.turn))
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        return not stop.is_set()


def run_until_signal(place: Place, options: Options) -> None:
    """Run with the configuration in force, and with others as the hub sends them.

    Each run has an event loop of its own, of the kind its devices want, and an epoch of its own. A
    configuration on trial that cannot start is rolled back at once; one that ends the process, at the next
    start.

    Raises:
        ConfigError: The configuration in force cannot be used.
        StoreError: A store of the agent cannot be used.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # one that comes between two runs waits
    try:
        _run_on(place, options)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_on(place: Place, options: Options) -> None:
    store, clock = ConfigurationStore(place.state, place.edge), SystemClock()
    if store.recover(clock.now()):
        _log.warning("a configuration was on trial when the agent ended; the one before is in force again")
    trial: Trial | None = None
    accepted = good = load_accepted(place)
    while True:
        run = _Run(accepted, Turn(trial, good), store, options)
        try:
            with asyncio.Runner(loop_factory=loop_factory(accepted.site)) as runner:
                again = runner.run(run.until_its_end())
        except (EmsError, OSError) as error:
            if trial is None or store.book.trial != trial.version:
                raise
            store.decide(Outcome.ROLLED_BACK, trial.version, Why.NO_START, clock.now(), str(error))
            trial, accepted = None, load_again(place, good)
            continue
        if not again:
            return
        if trial is None or store.book.accepted == trial.version:
            good = accepted
        trial = run.turn.following
        accepted = trial.accepted if trial is not None else run.turn.back or load_again(place, good)
