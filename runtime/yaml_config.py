"""YAML into models, with file, line and field in every complaint, and all complaints at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import yaml
from pydantic import ValidationError
from yaml.constructor import SafeConstructor

from protocols.config import Config
from protocols.errors import ConfigError
from runtime.yaml_faults import Fault, Loc, faults_of

_C = TypeVar("_C", bound=Config)
_MOST_BYTES = 4_000_000
_MOST_NESTED: Final = 100
"""Deeper than any configuration; beyond some thousands the composer would run out of stack."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C takes a tenth of the time where the package brings it."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What was parsed, by the hash of the bytes: nodes, and models, which are frozen."""

    nodes: dict[bytes, yaml.Node] = field(default_factory=dict)
    models: dict[tuple[bytes, type[Config]], Config] = field(default_factory=dict)


_PARSED: Final[ContextVar[_Parsed | None]] = ContextVar("parsed", default=None)


@contextmanager
def parsed_once() -> Iterator[None]:
    """Parse the same bytes once only while this lasts; for whoever reads large files again and again."""
    token = _PARSED.set(_Parsed())
    try:
        yield
    finally:
        _PARSED.reset(token)


def load_yaml(path: Path) -> object:
    """Read a file into plain lists and dicts.

    Raises:
        ConfigError: Missing, too large, not YAML, a key twice, or an alias (they can grow without bound).
    """
    return _plain(_compose(path), path)


def load_config(path: Path, model: type[_C]) -> _C:
    """Read a file into `model`.

    Raises:
        ConfigError: As `load_yaml`, or the content does not fit: each fault on its own line as
            `file:line: field: what`.
    """
    body = _bytes(path)
    kept = _PARSED.get()
    name = (b"" if kept is None else hashlib.sha256(body).digest(), model)
    known = None if kept is None else kept.models.get(name)
    if isinstance(known, model):
        return known
    root = _compose(path, body)
    data = _plain(root, path)
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        complaints = sorted(_complaint(path, root, fault) for fault in faults_of(model, data))
        raise ConfigError("\n".join(text for _, text in complaints)) from error
    if kept is not None:
        kept.models[name] = found
    return found


def as_config(origin: str, data: object, model: type[_C]) -> _C:
    """Turn plain data that stands in no file into `model`.

    Raises:
        ConfigError: It does not fit: each fault on its own line as `origin: field: what`.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = faults_of(model, data)
        lines = [
            f"{origin}: {'.'.join(str(part) for part in f.loc) or 'as a whole'}: {f.text}" for f in faults
        ]
        raise ConfigError("\n".join(lines)) from error


def line_numbers(path: Path) -> Callable[[Loc], int]:
    """Give the line, from 1, of the deepest part of a place that is in the file.

    Raises:
        ConfigError: As `load_yaml`.
    """
    return partial(_line_of, _compose(path))


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; create it or point to another one") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: {len(data)} bytes; a configuration has at most {_MOST_BYTES}")
    return data


def _compose(path: Path, body: bytes | None = None) -> yaml.Node:
    data = _bytes(path) if body is None else body
    kept = _PARSED.get()
    name = b"" if kept is None else hashlib.sha256(data).digest()
    if kept is not None and name in kept.nodes:
        return kept.nodes[name]
    root = _parse(path, data)
    if kept is not None:
        kept.nodes[name] = root
    return root


def _parse(path: Path, data: bytes) -> yaml.Node:
    try:
        _refuse_bombs(path, data)
        root = yaml.compose(data, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if root is None:
        raise ConfigError(f"{path}: the file is empty")
    return root


def _refuse_bombs(path: Path, data: bytes) -> None:
    nested = 0
    for event in yaml.parse(data, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"{path}:{_line(event)}: aliases are not allowed; write the value out")
        nested += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if nested > _MOST_NESTED:
            raise ConfigError(
                f"{path}:{_line(event)}: more than {_MOST_NESTED} levels; that is no configuration"
            )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _plain(node: yaml.Node, path: Path) -> object:
    if isinstance(node, yaml.MappingNode):
        found: dict[object, object] = {}
        for key_node, value_node in node.value:
            key = _plain(key_node, path)
            if isinstance(key, (dict, list)) or key in found:
                raise ConfigError(
                    f"{path}:{key_node.start_mark.line + 1}: {key}: this key cannot be used (twice?)"
                )
            found[key] = _plain(value_node, path)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, path) for item in node.value]
    try:
        return SafeConstructor().construct_object(node, deep=True)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: {error}") from error


def _complaint(path: Path, root: yaml.Node, fault: Fault) -> tuple[int, str]:
    """Line, and the sentence that begins with it."""
    where = ".".join(str(part) for part in fault.loc) or "the whole file"
    line = _line_of(root, fault.loc)
    return line, f"{path}:{line}: {where}: {fault.text}"


def _line_of(node: yaml.Node, loc: Loc) -> int:
    """Line of the deepest part of `loc` that is in the file, from 1."""
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            named = [(key, value) for key, value in node.value if key.value == str(part)]
            if named:
                key, node = named[0]
                if isinstance(node, yaml.ScalarNode):
                    return int(key.start_mark.line) + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
    return int(node.start_mark.line) + 1
