"""The OPC UA plug-ins and `[[inputs.mqtt_consumer]]` of Telegraf, as far as they are certain. Pure.

A password that stands in Telegraf's file is never copied: the device list names a file it has to be put into.

Source: Telegraf, README and sample.conf of opcua, opcua_listener, mqtt_consumer and the parser json_v2.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from edge_agent.commission.telegraf_found import FoundDevice, FoundField, Section

_OPCUA: Final = frozenset({
    "name", "endpoint", "connect_timeout", "request_timeout", "session_timeout", "security_policy",
    "security_mode", "auth_method", "username", "password", "timestamp", "timestamp_format", "client_trace",
    "optional_fields", "nodes", "group",
})  # fmt: skip
_PUBLISH_S: Final = 0.1
_POLICIES: Final = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
_MQTT: Final = frozenset({
    "servers", "topics", "topic_tag", "qos", "connection_timeout", "max_undelivered_messages", "keepalive",
    "ping_timeout", "persistent_session", "client_id", "client_trace", "username", "password", "tls_ca",
    "data_format", "data_type", "json_v2", "protocol",
})  # fmt: skip
_SCHEMES: Final = {"tcp": (1883, False), "mqtt": (1883, False), "ssl": (8883, True), "mqtts": (8883, True)}
_PATH: Final = re.compile(r"^\w+(\.\w+)*$")
_NUMBERS: Final = ("", "int", "uint", "float")


def opcua_devices(plugin: Section, every_s: float) -> Iterator[FoundDevice]:
    """The one server of a section, whose values are read."""
    plugin.refuse_others(_OPCUA)
    yield from _opcua_device(plugin, every_s, {})


def opcua_listeners(plugin: Section, every_s: float) -> Iterator[FoundDevice]:
    """The one server of a section, which tells its changes."""
    plugin.refuse_others(_OPCUA | {"subscription_interval", "connect_fail_behavior"})
    publish_s = plugin.seconds("subscription_interval", _PUBLISH_S)
    yield from _opcua_device(plugin, every_s, {"publish_s": publish_s})


def _opcua_device(plugin: Section, every_s: float, more: dict[str, object]) -> Iterator[FoundDevice]:
    fields = list(_nodes(plugin, plugin, plugin.text("name", "opcua")))
    for group in plugin.sections("group"):
        group.refuse_others(frozenset({"name", "namespace", "identifier_type", "default_tags", "nodes"}))
        fields += _nodes(group, group, group.text("name"))
    name = plugin.text("name", "opcua")
    at = _opcua_connection(plugin, name)
    yield FoundDevice(plugin.line, name, "opcua", None if at is None else at | more, tuple(fields), every_s)


def _nodes(around: Section, usual: Section, measurement: str) -> Iterator[FoundField]:
    for node in around.sections("nodes"):
        name = node.text("name")
        identifier = node.text("identifier")
        space = node.text("namespace", usual.text("namespace") or "0")
        kind = node.text("identifier_type", usual.text("identifier_type"))
        if not name or not identifier or kind not in {"s", "i", "g", "b"} or not space.isdecimal():
            node.leave(
                "identifier", "name, namespace, identifier_type (s, i, g, b) and identifier must be there"
            )
            continue
        address = {"kind": "opcua", "node": f"ns={space};{kind}={identifier}"}
        yield FoundField(node.line, measurement, name, address)


def _opcua_connection(plugin: Section, name: str) -> dict[str, object] | None:
    before = len(plugin.book.left_out)
    made: dict[str, object] = {"kind": "opcua", "url": plugin.text("endpoint", "opc.tcp://localhost:4840")}
    policy, mode = plugin.text("security_policy", "auto"), plugin.text("security_mode", "auto")
    if policy in _POLICIES and mode in {"Sign", "SignAndEncrypt"}:
        made["security"] = {"policy": policy, "mode": mode}
    elif (policy, mode) != ("None", "None"):
        plugin.leave(
            "security_policy",
            f"found {policy!r} with mode {mode!r}; write `security` into the device list by hand, one of "
            f"{', '.join(_POLICIES)}, or both 'None' here",
        )
    method = plugin.text("auth_method", "Anonymous")
    if method == "UserName":
        made["login"] = _login(plugin, name, plain="security" not in made)
    elif method != "Anonymous":
        plugin.leave(
            "auth_method", f"found {method!r}; write `user_certificate` into the device list by hand"
        )
    return None if len(plugin.book.left_out) > before else made


def mqtt_devices(plugin: Section, every_s: float) -> Iterator[FoundDevice]:
    """The one broker of a section, as one device."""
    plugin.refuse_others(_MQTT)
    found = list(_topics(plugin))
    prefix = _prefix([topic for _, topic in found])
    topics = [(line, topic[len(prefix) + 1 :] if prefix else topic) for line, topic in found]
    style = plugin.text("data_format", "influx")
    if style == "value":
        fields = list(_plain(plugin, topics))
    elif style == "json_v2":
        fields = list(_json(plugin, topics))
    else:
        plugin.leave(
            "data_format", f"found {style!r}; only value and json_v2 say which values are in a message"
        )
        fields = []
    host = str(next(iter(plugin.data.get("servers") or ["mqtt"])))
    name = urlsplit(host).hostname or "mqtt"
    yield FoundDevice(plugin.line, name, "mqtt", _broker(plugin, name, prefix), tuple(fields), every_s)


def _topics(plugin: Section) -> Iterator[tuple[int, str]]:
    """Topics without wildcards, with their lines."""
    found = plugin.data.get("topics")
    for number, topic in enumerate(found if isinstance(found, list) else []):
        line = plugin.toml.line((*plugin.loc, "topics", number))
        if not isinstance(topic, str) or re.search(r"[+#$]", topic):
            plugin.leave("topics", f"found {topic!r}; a point has one topic, write out those that there are")
        else:
            yield line, topic


def _prefix(topics: list[str]) -> str:
    """The levels that all topics begin with, without the last of any: what tells one device from another."""
    levels = zip(*(topic.split("/")[:-1] for topic in topics), strict=False)
    return "/".join(same[0] for same in itertools.takewhile(lambda level: len(set(level)) == 1, levels))


def _plain(plugin: Section, topics: list[tuple[int, str]]) -> Iterator[FoundField]:
    if plugin.text("data_type") not in {"float", "integer", "long", "auto_float", "auto_integer"}:
        plugin.leave("data_type", "allowed is a number: float or integer")
        return
    qos = int(plugin.number("qos", 0))
    for line, topic in topics:
        yield FoundField(line, "", topic, {"kind": "mqtt", "topic": topic, "qos": qos})


def _json(plugin: Section, topics: list[tuple[int, str]]) -> Iterator[FoundField]:
    qos = int(plugin.number("qos", 0))
    for parser in plugin.sections("json_v2"):
        parser.refuse_others(frozenset({"measurement_name", "field", "tag"}))
        for one in parser.sections("field"):
            path, kind = one.text("path"), one.text("type")
            if _PATH.match(path) is None or kind not in _NUMBERS:
                one.leave("path", f"found {path!r} of type {kind!r}; allowed is a dotted path to a number")
                continue
            name = one.text("rename") or path.rsplit(".", 1)[-1]
            for _, topic in topics:
                address = {"kind": "mqtt", "topic": topic, "path": path, "qos": qos}
                yield FoundField(one.line, topic, name, address)


def _broker(plugin: Section, name: str, prefix: str) -> dict[str, object] | None:
    before = len(plugin.book.left_out)
    servers = plugin.data.get("servers")
    where = urlsplit(str(servers[0])) if isinstance(servers, list) and len(servers) == 1 else urlsplit("")
    if where.scheme not in _SCHEMES or not where.hostname:
        plugin.leave(
            "servers", f"found {servers!r}; allowed is one address, tcp://HOST:PORT or ssl://HOST:PORT"
        )
        return None
    port, is_tls = _SCHEMES[where.scheme]
    made: dict[str, object] = {"kind": "mqtt", "host": where.hostname, "port": where.port or port}
    if prefix:
        made["prefix"] = prefix
    if is_tls:
        made["tls"] = {}
    if "tls_ca" in plugin.data:
        made["tls"] = {"ca_file": plugin.text("tls_ca")}
    if plugin.data.get("persistent_session") is True:
        made["resume"] = True
    if "username" in plugin.data:
        made["login"] = _login(plugin, name, plain="tls" not in made)
    return None if len(plugin.book.left_out) > before else made


def _login(plugin: Section, name: str, *, plain: bool) -> dict[str, object]:
    """User, and the place where a person has to put the password."""
    login: dict[str, object] = {"user": plugin.text("username")}
    if "password" in plugin.data:
        file = f"secrets/{re.sub(r'[^a-z0-9]+', '_', name.lower())}"
        login["password"] = {"file": file}
        plugin.note("password", f"is not copied; put it alone into {file} below the agent's state, chmod 600")
    return {**login, "plain": True} if plain else login
