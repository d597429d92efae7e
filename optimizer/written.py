"""A problem and its plan as plain values and back, so that a plan can be explained long after it was made.

Each part carries the name of its class; a part that this version does not know, or that has other fields,
is refused by its name rather than read as something else.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np

from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from protocols.errors import ContractError

_CLASS: Final = "is"
_ARRAY: Final = "array"
_MAP: Final = "map"
_NOT_KEPT: Final = frozenset({"speech", "remarks"})
"""Words of a problem: who asks says how machines are called, and remarks are notes of the plan."""
_KINDS: Final = {"f": "float64", "i": "int64", "b": "bool"}
_MOST_BYTES: Final = 50_000_000
"""A problem unpacks to no more; a year of quarter hours is a tenth of it."""


def written(problem: DispatchProblem, plan: Plan) -> str:
    """A problem and its plan as text, packed: some kB for a day of a small plant."""
    both = {"problem": _plain(problem), "plan": plan.to_dict()}
    plain = json.dumps(both, separators=(",", ":"))
    return base64.b64encode(zlib.compress(plain.encode(), 6)).decode()


def read(text: str) -> tuple[DispatchProblem, Plan]:
    """What `written` wrote.

    Raises:
        ContractError: It is damaged, or from another version of the planner.
    """
    try:
        packed = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
        both = json.loads(packed.decode())
        problem, plan = _value(both["problem"]), Plan.from_dict(both["plan"])
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise ContractError(
            f"what this plan was made from cannot be read ({error}); make a new plan"
        ) from error
    if not isinstance(problem, DispatchProblem):
        raise ContractError("what was kept beside this plan is no problem; make a new plan")
    return problem, plan


def _plain(value: Any) -> Any:  # noqa: ANN401  walks any part of a problem
    if isinstance(value, np.ndarray):
        return {_ARRAY: value.dtype.kind, "values": value.tolist()}
    if isinstance(value, dict):
        return {_MAP: {name: _plain(one) for name, one in value.items()}}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return _plain_part(value)


def _plain_part(value: Any) -> Any:  # noqa: ANN401  as above
    if is_dataclass(value) and not isinstance(value, type):
        kept = (one.name for one in fields(value) if one.init and one.name not in _NOT_KEPT)
        found = {name: _plain(getattr(value, name)) for name in kept}
        return {_CLASS: f"{type(value).__module__}:{type(value).__name__}", **found}
    return value.item() if isinstance(value, np.generic) else value


def _value(plain: Any) -> Any:  # noqa: ANN401  as above
    if isinstance(plain, list):
        return tuple(_value(one) for one in plain)
    return _part(plain) if isinstance(plain, dict) else plain


def _part(plain: dict[str, Any]) -> Any:  # noqa: ANN401  an array, a map or a part of a problem
    if _ARRAY in plain:
        return np.array(plain["values"], dtype=_KINDS[plain[_ARRAY]])
    if _MAP in plain:
        return {name: _value(one) for name, one in plain[_MAP].items()}
    module, _, name = plain[_CLASS].partition(":")
    if module.partition(".")[0] != "optimizer":
        raise ValueError(f"{module} is no part of the planner")
    found = getattr(import_module(module), name)
    if not is_dataclass(found) or not isinstance(found, type):
        raise ValueError(f"{name} is no part of a problem")
    return found(**{key: _value(value) for key, value in plain.items() if key != _CLASS})
