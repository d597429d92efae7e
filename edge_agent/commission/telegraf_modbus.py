"""`[[inputs.modbus]]` of Telegraf: the three styles of its configuration. Pure.

Addresses are counted from 0 on the wire there as here. `FLOAT32` of the style `register` is not taken over:
the documentation calls it an unsigned integer, Telegraf 1.37.2 reads a float (tried); `FLOAT32-IEEE` is one.

Source: Telegraf, plug-in inputs.modbus: README, `configuration_*.go`, `type_conversions*.go`; tried: 1.37.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from edge_agent.commission.telegraf_found import FoundDevice, FoundField, Section
from protocols.errors import ConfigError

_ORDERS: Final = {
    "AB": "abcd", "ABCD": "abcd", "ABCDEFGH": "abcd", "MSW-BE": "abcd", "MSW": "abcd",
    "BA": "dcba", "DCBA": "dcba", "HGFEDCBA": "dcba", "LSW-LE": "dcba", "LSW": "dcba",
    "BADC": "badc", "BADCFEHG": "badc", "MSW-LE": "badc",
    "CDAB": "cdab", "GHEFCDAB": "cdab", "LSW-BE": "cdab",
}  # fmt: skip
_TYPES: Final = {
    "INT16": "i16", "UINT16": "u16", "INT32": "i32", "UINT32": "u32", "INT64": "i64", "UINT64": "u64",
    "FLOAT32": "f32", "FLOAT64": "f64",
}  # fmt: skip
_REGISTERS: Final = {"i16": 1, "u16": 1, "i32": 2, "u32": 2, "f32": 2, "i64": 4, "u64": 4, "f64": 4}
_FIXED: Final = {
    ("FIXED", 1): "INT16", ("FIXED", 2): "INT32", ("FIXED", 4): "INT64",
    ("UFIXED", 1): "UINT16", ("UFIXED", 2): "UINT32", ("UFIXED", 4): "UINT64",
    ("FLOAT32-IEEE", 2): "FLOAT32", ("FLOAT64-IEEE", 4): "FLOAT64",
}  # fmt: skip
_BY_LENGTH: Final = ("FIXED", "UFIXED", "FLOAT32-IEEE", "FLOAT64-IEEE")
"""Types of the style `register` whose width is that of their addresses."""

_BYTES: Final = {"UINT8L": 0, "UINT8H": 8}
_NO_POINT: Final = {
    "STRING": "text registers are no points here; the device's name is read when it is identified",
    "FLOAT16": "floats of 16 bits have no counterpart here",
    "FLOAT16-IEEE": "floats of 16 bits have no counterpart here",
    "INT8L": "signed numbers of 8 bits have no counterpart here",
    "INT8H": "signed numbers of 8 bits have no counterpart here",
}
_TABLES: Final = {
    "discrete_inputs": "discrete", "coils": "coil",
    "holding_registers": "holding", "input_registers": "input",
}  # fmt: skip
_BIT_TABLES: Final = ("coil", "discrete")
_PARITIES: Final = {"N": "none", "E": "even", "O": "odd"}
_KNOWN: Final = frozenset({
    "name", "slave_id", "timeout", "controller", "baud_rate", "data_bits", "parity", "stop_bits",
    "transmission_mode", "configuration_type", "optimization", "optimization_max_register_fill",
    "debug_connection", "busy_retries", "busy_retries_wait", "exclude_register_type_tag", "request", "metric",
    *_TABLES,
})  # fmt: skip
_METRIC: Final = frozenset({"slave_id", "byte_order", "measurement", "fields"})
_REQUEST: Final = _METRIC | {"register", "optimization", "optimization_max_register_fill"}
_DATA_BITS: Final = 8


def modbus_devices(plugin: Section, every_s: float) -> Iterator[FoundDevice]:
    """Each unit of one plug-in section."""
    plugin.refuse_others(_KNOWN)
    style = plugin.text("configuration_type", "register")
    readers = {"register": _by_register, "request": _by_request, "metric": _by_metric}
    if style not in readers:
        plugin.leave("configuration_type", f"found {style!r}; allowed: {', '.join(readers)}")
        return
    units: dict[int, list[FoundField]] = {}
    for unit, found in readers[style](plugin):
        units.setdefault(unit, []).append(found)
    if not units:
        plugin.leave("name", "this section has no field that can be taken over")
    name = plugin.text("name", "modbus")
    for unit, fields in units.items():
        called = name if len(units) == 1 else f"{name}_{unit}"
        connection = _connection(plugin, unit)
        yield FoundDevice(plugin.line, called, "modbus", connection, tuple(fields), every_s)


def _by_register(plugin: Section) -> Iterator[tuple[int, FoundField]]:
    unit = int(plugin.number("slave_id", 0))
    for key, table in _TABLES.items():
        for one in plugin.sections(key):
            try:
                yield unit, _register_field(one, table)
            except ConfigError as error:
                _leave(one, error)


def _register_field(one: Section, table: str) -> FoundField:
    first, count = _cells(one)
    if table in _BIT_TABLES:
        return _field(one, _bit_cell(table, first), "", state=True)
    said = one.text("data_type")
    fixed = _FIXED.get((said, count))
    if said == "FLOAT32":
        raise ConfigError(
            "found 'FLOAT32', an unsigned integer in some versions of Telegraf and a float in others; say "
            "UFIXED or FLOAT32-IEEE, whichever gives the value on the display",
            key="data_type",
        )
    if fixed is None and said in _BY_LENGTH:
        raise ConfigError(f"found {said!r} of {count} registers; allowed are 1, 2 or 4", key="address")
    address = _typed(one, fixed or said, "data_type", one.text("byte_order"))
    width = _REGISTERS[str(address["type"])]
    if width != count:
        raise ConfigError(f"found {count} registers; {said} takes {width}", key="address")
    if said in _TYPES and said.startswith(("INT", "UINT")):
        _say_cut(one)
    place = {"kind": "modbus", "table": table, "address": first, **address}
    return _field(one, place, "", state=said == "BIT")


def _cells(one: Section) -> tuple[int, int]:
    """First register and their number."""
    cells = one.data.get("address")
    if not isinstance(cells, list) or not cells or not all(isinstance(cell, int) for cell in cells):
        raise ConfigError(f"found {cells!r}; allowed is a list of registers such as [0, 1]", key="address")
    if cells != list(range(cells[0], cells[0] + len(cells))):
        raise ConfigError(f"found {cells}; a value lies in registers that follow one another", key="address")
    return cells[0], len(cells)


def _by_request(plugin: Section) -> Iterator[tuple[int, FoundField]]:
    for request in plugin.sections("request"):
        request.refuse_others(_REQUEST)
        table = request.text("register", "holding")
        yield from _wire_fields(request, table)


def _by_metric(plugin: Section) -> Iterator[tuple[int, FoundField]]:
    for metric in plugin.sections("metric"):
        metric.refuse_others(_METRIC)
        yield from _wire_fields(metric, None)


def _wire_fields(around: Section, table: str | None) -> Iterator[tuple[int, FoundField]]:
    """Fields of the styles `request` and `metric`; `table` is None where each field says its own."""
    unit = int(around.number("slave_id", 0))
    for one in around.sections("fields"):
        if one.data.get("omit") is True:
            continue
        try:
            yield unit, _wire_field(one, around, table or one.text("register", "holding"))
        except ConfigError as error:
            _leave(one, error)


def _wire_field(one: Section, around: Section, table: str) -> FoundField:
    at = int(one.number("address", -1))
    measurement = around.text("measurement")
    if table not in _TABLES.values():
        raise ConfigError(f"found {table!r}; allowed: {', '.join(_TABLES.values())}", key="register")
    if at < 0:
        raise ConfigError("is missing; allowed is 0 to 65535", key="address")
    if table in _BIT_TABLES:
        return _field(one, _bit_cell(table, at), measurement, state=True)
    kind = one.text("type")
    address = _typed(one, kind, "type", around.text("byte_order", "ABCD") or "ABCD")
    if one.text("output") in {"INT64", "UINT64"}:
        _say_cut(one)
    place = {"kind": "modbus", "table": table, "address": at, **address}
    return _field(one, place, measurement, state=kind == "BIT")


def _leave(one: Section, error: ConfigError) -> None:
    one.leave(str(error.context.get("key", "name")), str(error.args[0]))


def _typed(one: Section, kind: str, key: str, byte_order: str) -> dict[str, object]:
    """Type, order and bits of a register value.

    Raises:
        ConfigError: It has no counterpart here.
    """
    order = _ORDERS.get(byte_order)
    if order is None:
        raise ConfigError(f"found {byte_order!r}; allowed: {', '.join(_ORDERS)}", key="byte_order")
    if kind in _TYPES:
        name = _TYPES[kind]
        return {"type": name, "order": order if _REGISTERS[name] > 1 else _swapped(order)}
    if kind in _BYTES and order in {"abcd", "dcba"}:
        return {"type": "u16", "order": _swapped(order), "bit": _BYTES[kind], "bits": 8}
    if kind == "BIT":
        return {"type": "u16", "order": _swapped(order), "bit": int(one.number("bit", 0))}
    why = _NO_POINT.get(kind, f"allowed: {', '.join([*_TYPES, *_BYTES, 'BIT'])}")
    raise ConfigError(f"found {kind!r}; {why}", key=key)


def _swapped(order: str) -> str:
    """Order of one register: only its two bytes can be swapped."""
    return "badc" if order in {"dcba", "badc"} else "abcd"


def _bit_cell(table: str, at: int) -> dict[str, object]:
    return {"kind": "modbus", "table": table, "address": at, "type": "bool"}


def _field(one: Section, address: dict[str, object], measurement: str, *, state: bool) -> FoundField:
    name = one.text("name")
    if not name:
        raise ConfigError("is missing; a field needs one", key="name")
    scale = 1.0 if state else one.number("scale", 0.0) or 1.0
    group = one.text("measurement") or measurement
    return FoundField(one.line, group, name, address, float(scale), state)


def _say_cut(one: Section) -> None:
    scale = one.number("scale", 0.0)
    if scale != int(scale):
        one.note("scale", f"Telegraf cut {one.text('name')!r} to whole numbers; here its decimals stay")


def _connection(plugin: Section, unit: int) -> dict[str, object] | None:
    said = plugin.text("controller")
    where = urlsplit(said)
    timeout_s = plugin.seconds("timeout", 1.0)
    if where.scheme == "tcp" and where.hostname:
        return _tcp(plugin, where.hostname, where.port or 502, {"unit": unit, "timeout_s": timeout_s})
    if where.scheme == "file" and where.path.startswith("/"):
        return _serial(plugin, where.path, {"unit": unit, "timeout_s": timeout_s})
    if said or "controller" not in plugin.data:
        plugin.leave("controller", f"found {said!r}; allowed: tcp://HOST:PORT or file:///dev/PORT")
    return None


def _tcp(plugin: Section, host: str, port: int, more: dict[str, object]) -> dict[str, object] | None:
    mode = plugin.text("transmission_mode", "TCP") or "TCP"
    framings = {"TCP": "mbap", "auto": "mbap", "RTUoverTCP": "rtu"}
    if mode not in framings:
        plugin.leave("transmission_mode", f"found {mode!r}; allowed over TCP: {', '.join(framings)}")
        return None
    return {"kind": "modbus", "host": host, "port": port, **more, "framing": framings[mode]}


def _serial(plugin: Section, port: str, more: dict[str, object]) -> dict[str, object] | None:
    """The line settings must be said: what Telegraf leaves out its library decides."""
    before = len(plugin.book.left_out)
    mode = plugin.text("transmission_mode", "RTU") or "RTU"
    if mode not in {"RTU", "auto"}:
        plugin.leave("transmission_mode", f"found {mode!r}; allowed on a serial port: RTU")
    if plugin.number("data_bits", _DATA_BITS) != _DATA_BITS:
        plugin.leave("data_bits", "RTU has 8 of them")
    for key in ("baud_rate", "parity", "stop_bits"):
        if key not in plugin.data:
            plugin.leave(key, "is missing; Telegraf leaves it to a library, so write it into the device list")
    parity = plugin.text("parity", "N")
    if parity not in _PARITIES:
        plugin.leave("parity", f"found {parity!r}; allowed: {', '.join(_PARITIES)}")
    if len(plugin.book.left_out) > before:
        return None
    baud, stop_bits = int(plugin.number("baud_rate", 0)), int(plugin.number("stop_bits", 1))
    line = {"baud": baud, "parity": _PARITIES[parity], "stop_bits": stop_bits}
    return {"kind": "modbus_serial", "port": port, **line, **more}
