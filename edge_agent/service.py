"""One run of the edge: poll, journal, send and obey until its end; `stages` wires what takes part."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import Final

from edge_agent.configuration import Configured
from edge_agent.options import Options, write_summary
from edge_agent.settings import Accepted, Place, bus_login
from edge_agent.stages import Stages, stages_of
from runtime.bus import BusLogin, connect
from runtime.collector import settle
from runtime.supervise import supervise

_log = logging.getLogger(__name__)

DRAIN_S: Final = 15.0
"""How long the end waits for the hub to have every row; what is left is sent at the next start."""


async def run_agent(
    accepted: Accepted, agent_epoch: int, stop: asyncio.Event, options: Options, configured: Configured
) -> None:
    """Poll, journal, send and obey until `stop`; then release all leases, drain and write `summary.json`.

    Ends without these where another run is to follow with another configuration: leases go on there.

    Raises:
        StoreError: The journal or the command store cannot be opened.
        ConfigError: A key is missing, or a driver's package.
    """
    login = bus_login(accepted.place)
    async with stages_of(accepted, agent_epoch, options, configured) as stages, asyncio.TaskGroup() as tasks:
        lasting = [tasks.create_task(supervise(name, work)) for name, work in stages.beside]
        lasting.append(tasks.create_task(supervise("bus", partial(_commands_on_bus, stages, login))))
        polling = tasks.create_task(stages.poller.run())
        _log.info("%s polls %d groups of points", accepted.place.edge, len(stages.groups))
        settle()
        ends = [tasks.create_task(event.wait()) for event in (stop, configured.turn.again)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        polling.cancel()
        await asyncio.wait({polling})
        if stop.is_set():
            await _farewell(stages, accepted.place)
        else:
            await stages.commands.hand_over()
        for task in (*lasting, *ends):
            task.cancel()


async def _farewell(stages: Stages, place: Place) -> None:
    stages.controllers.silence()
    await stages.commands.release_all()
    await stages.journal.flush()
    if not await stages.uplink.drained(stages.journal, DRAIN_S):
        _log.warning("some rows are not at the hub yet; the next start sends them")
    write_summary(place.state / "summary.json", await stages.journal.runs())


async def _commands_on_bus(stages: Stages, login: BusLogin) -> None:
    """What may not wait. The samples follow, so that one place left at the bus is for commands."""
    client = await connect(replace(login, use="commands"), stages.on_command_bus)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stages.uplink.run_receipts(client, stages.journal))
            tasks.create_task(stages.commands.listen(client))
            for listen in stages.listeners:
                tasks.create_task(supervise(listen.__qualname__, partial(listen, client)))
            tasks.create_task(supervise("bus of the samples", partial(_samples_on_bus, stages, login)))
    finally:
        await client.close()


async def _samples_on_bus(stages: Stages, login: BusLogin) -> None:
    client = await connect(replace(login, use="samples"), stages.uplink.on_bus)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stages.uplink.run(client, stages.journal))
            for listen in stages.bulk_listeners:
                tasks.create_task(supervise(listen.__qualname__, partial(listen, client)))
    finally:
        await client.close()
