"""Whether a Modbus unit is there, and what it calls itself; many are silent for what they do not know."""

from __future__ import annotations

from contextlib import suppress

from protocols.drivers.modbus.driver import ModbusDriver
from protocols.errors import DeviceError, DeviceRefusedError


async def names_of(driver: ModbusDriver) -> dict[int, str]:
    """Identity objects of a unit that is there by number (0 vendor, 1 product …); empty when it tells none.

    A register is asked for first, and a refusal is an answer: only then is silence to the question for the
    name no sign of an absent unit.

    Raises:
        DeviceUnreachableError: No answer.
        DeviceError: Something that is no answer.
    """
    with suppress(DeviceRefusedError):
        await driver.read_raw("holding", 0, 1)
    try:
        return await driver.identity()
    except DeviceRefusedError:
        return {}
    except DeviceError:
        # half of the question may stand in the unit's buffer and spoil the next one; let that be this one
        with suppress(DeviceError):
            await driver.read_raw("holding", 0, 1)
        return {}
