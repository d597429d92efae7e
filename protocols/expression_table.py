"""Operators and functions of expressions: how many parts each takes, what units it wants, how it is done.

A rule gets the meanings of the parts and gives that of the result, or says in words what does not fit. All
arrays are in base units (levels counted from absolute zero), NaN is "bad".

    min max mean (of two or more), sum (of one or more), abs, clamp(x, low, high)
    if(condition, then, otherwise), sqrt, absolute (a level counted from absolute zero: K, bar)
    specific_power(power, flow), cop(heat or cooling, power)
    apparent_power(active, reactive), power_factor(active, reactive)
    air_enthalpy(temperature, relative humidity[, pressure]), dew_point(temperature, relative humidity)
    water_heat(volume flow, warm, cold), water_enthalpy(temperature)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.dimension import NONE, TRUTH, ZERO_C_K, Kind, Meaning, meaning, of, product, quotient, root
from protocols.properties import (
    ATMOSPHERE_PA,
    air_enthalpy_j_kg,
    dew_point_c,
    water_density_kg_m3,
    water_enthalpy_j_kg,
)

FloatArray = NDArray[np.float64]
Rule = Callable[[Sequence[Meaning]], Meaning | str]

_MANY: Final = 64


@dataclass(frozen=True, slots=True)
class Function:
    """One operator or function.

    Attributes:
        arity: Fewest and most parts.
        rule: Meaning of the result, or what does not fit and what to do.
        run: Does it, in base units.
    """

    arity: tuple[int, int]
    rule: Rule
    run: Callable[..., FloatArray]


def _shared(parts: Sequence[Meaning], kinds: Sequence[Kind], what: str) -> Meaning | str:
    """One meaning for all parts; a bare 0 takes that of the others."""
    rest = [part for part in parts if not part.zero] or list(parts[:1])
    first = rest[0]
    if any(part.kind not in kinds for part in rest):
        return f"{what} needs {' or '.join(kinds)}s: {_advice(rest)}"
    if any((part.dimension, part.kind) != (first.dimension, first.kind) for part in rest):
        return f"{what} needs parts of one unit: {_advice(rest)}"
    if len(rest) < len(parts) and first.kind is not Kind.AMOUNT:
        return f"0 is no {first.text}; write the number with its unit, such as 0 {first.text}"
    return replace(first, zero=all(part.zero for part in parts))


def _advice(parts: Sequence[Meaning]) -> str:
    kinds = {part.kind for part in parts}
    if Kind.CODE in kinds:
        return "a code is a name, compare it with == in an if(…)"
    if Kind.TRUTH in kinds:
        return "a comparison belongs into an if(…)"
    texts = list(dict.fromkeys(part.text for part in parts))
    if Kind.LEVEL in kinds:
        return (
            f"{' and '.join(texts)}: a level is no amount; take a difference of two levels first, or "
            "absolute(…)"
        )
    return (
        f"{' and '.join(texts)} cannot be put together; multiply or divide one of them into the other's unit"
    )


def _add(parts: Sequence[Meaning]) -> Meaning | str:
    a, b = parts
    if Kind.LEVEL in {a.kind, b.kind} and a.kind != b.kind and a.dimension == b.dimension:
        amount = a if a.kind is Kind.AMOUNT else b
        level = b if amount is a else a
        return level if amount.kind is Kind.AMOUNT else f"a sum {_advice(parts)}"
    return _shared(parts, (Kind.AMOUNT,), "a sum")


def _subtract(parts: Sequence[Meaning]) -> Meaning | str:
    a, b = parts
    if a.kind is b.kind is Kind.LEVEL and a.dimension == b.dimension:
        return of(a.dimension)
    if a.kind is Kind.LEVEL and b.kind is Kind.AMOUNT and a.dimension == b.dimension:
        return a
    return _shared(parts, (Kind.AMOUNT,), "a difference")


def _multiply(parts: Sequence[Meaning]) -> Meaning | str:
    return _amounts(parts, "a product") or product(*parts)


def _divide(parts: Sequence[Meaning]) -> Meaning | str:
    return _amounts(parts, "a quotient") or quotient(*parts)


def _amounts(parts: Sequence[Meaning], what: str) -> str:
    wrong = [part for part in parts if part.kind is not Kind.AMOUNT]
    return f"{what} needs amounts: {_advice(wrong)}" if wrong else ""


def _compare(parts: Sequence[Meaning]) -> Meaning | str:
    if Kind.CODE in {part.kind for part in parts} and all(
        part.kind is Kind.CODE or (part.kind is Kind.AMOUNT and part.dimension == NONE) for part in parts
    ):
        return TRUTH
    shared = _shared(parts, (Kind.AMOUNT, Kind.LEVEL), "a comparison")
    return shared if isinstance(shared, str) else TRUTH


def _truths(parts: Sequence[Meaning]) -> Meaning | str:
    if any(part.kind is not Kind.TRUTH for part in parts):
        return "`and`, `or` and `not` need comparisons such as a.power_kw > 5 kW"
    return TRUTH


def _choose(parts: Sequence[Meaning]) -> Meaning | str:
    if parts[0].kind is not Kind.TRUTH:
        return "if(…) needs a comparison first, such as a.power_kw > 5 kW"
    return _shared(parts[1:], (Kind.AMOUNT, Kind.LEVEL), "if(…)")


def _alike(parts: Sequence[Meaning]) -> Meaning | str:
    return _shared(parts, (Kind.AMOUNT, Kind.LEVEL), "this")


def _summed(parts: Sequence[Meaning]) -> Meaning | str:
    return _shared(parts, (Kind.AMOUNT,), "a sum")


def _root(parts: Sequence[Meaning]) -> Meaning | str:
    return _amounts(parts, "a root") or root(parts[0]) or f"{parts[0].text} has no square root"


def _absolute(parts: Sequence[Meaning]) -> Meaning | str:
    if parts[0].kind is not Kind.LEVEL:
        return "absolute(…) needs a temperature or a pressure as a level, such as °C or bar(g)"
    return of(parts[0].dimension)


def _takes(result: str, *wanted: str) -> Rule:
    """A rule for parts of fixed units."""
    meanings = [meaning(symbol) for symbol in wanted]

    def rule(parts: Sequence[Meaning]) -> Meaning | str:
        for at, (part, need) in enumerate(zip(parts, meanings, strict=False), 1):
            if (part.dimension, part.kind) != (need.dimension, need.kind):
                return f"part {at} must be of a unit like {need.text}, not {part.text}"
        return meaning(result)

    return rule


def _reduced(function: np.ufunc) -> Callable[..., FloatArray]:
    return lambda *parts: np.asarray(functools.reduce(function, parts))


def _compared(function: np.ufunc) -> Callable[..., FloatArray]:
    """1, 0, or NaN where a side is NaN."""
    return lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, function(a, b))


def _if(condition: FloatArray, then: FloatArray, otherwise: FloatArray) -> FloatArray:
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0.0, then, otherwise))


def _water_heat(flow_m3_s: FloatArray, warm_k: FloatArray, cold_k: FloatArray) -> FloatArray:
    """Heat given off between two temperatures; the flow is metered at the cold end. [W]."""
    cold_c = np.asarray(cold_k - ZERO_C_K)
    span_j_kg = water_enthalpy_j_kg(np.asarray(warm_k - ZERO_C_K)) - water_enthalpy_j_kg(cold_c)
    return np.asarray(flow_m3_s * water_density_kg_m3(cold_c) * span_j_kg)


def _water_enthalpy(water_k: FloatArray) -> FloatArray:
    return water_enthalpy_j_kg(np.asarray(water_k - ZERO_C_K))


def _air_enthalpy(
    air_k: FloatArray, relative: FloatArray, air_pa: FloatArray | float = ATMOSPHERE_PA
) -> FloatArray:
    return air_enthalpy_j_kg(np.asarray(air_k - ZERO_C_K), relative, air_pa)


def _dew_point(air_k: FloatArray, relative: FloatArray) -> FloatArray:
    return dew_point_c(np.asarray(air_k - ZERO_C_K), relative) + ZERO_C_K


def _per(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.divide(a, b))


def _apparent(active: FloatArray, reactive: FloatArray) -> FloatArray:
    return np.asarray(np.hypot(active, reactive))


def _power_factor(active: FloatArray, reactive: FloatArray) -> FloatArray:
    return _per(np.abs(active), _apparent(active, reactive))


def _mean(*parts: FloatArray) -> FloatArray:
    return np.asarray(functools.reduce(np.add, parts) / len(parts))


def _clamp(value: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    return np.asarray(np.minimum(np.maximum(value, low), high))


def _not(truth: FloatArray) -> FloatArray:
    return np.asarray(1.0 - truth)


def _of_two(rule: Rule, function: Callable[..., FloatArray]) -> Function:
    return Function((2, 2), rule, function)


TABLE: Final[dict[str, Function]] = {
    "+": _of_two(_add, _reduced(np.add)),
    "-": _of_two(_subtract, _reduced(np.subtract)),
    "*": _of_two(_multiply, _reduced(np.multiply)),
    "/": _of_two(_divide, _per),
    "<": _of_two(_compare, _compared(np.less)),
    "<=": _of_two(_compare, _compared(np.less_equal)),
    ">": _of_two(_compare, _compared(np.greater)),
    ">=": _of_two(_compare, _compared(np.greater_equal)),
    "==": _of_two(_compare, _compared(np.equal)),
    "!=": _of_two(_compare, _compared(np.not_equal)),
    "and": _of_two(_truths, _reduced(np.minimum)),
    "or": _of_two(_truths, _reduced(np.maximum)),
    "not": Function((1, 1), _truths, _not),
    "negative": Function((1, 1), _summed, np.negative),
    "min": Function((2, _MANY), _alike, _reduced(np.minimum)),
    "max": Function((2, _MANY), _alike, _reduced(np.maximum)),
    "mean": Function((2, _MANY), _alike, _mean),
    "sum": Function((1, _MANY), _summed, _reduced(np.add)),
    "abs": Function((1, 1), _summed, np.abs),
    "clamp": Function((3, 3), _alike, _clamp),
    "if": Function((3, 3), _choose, _if),
    "sqrt": Function((1, 1), _root, np.sqrt),
    "absolute": Function((1, 1), _absolute, np.positive),
    "specific_power": _of_two(_takes("kW/(m³/min)", "kW", "m³/min"), _per),
    "cop": _of_two(_takes("1", "kW", "kW"), _per),
    "apparent_power": _of_two(_takes("kVA", "kW", "kvar"), _apparent),
    "power_factor": _of_two(_takes("1", "kW", "kvar"), _power_factor),
    "air_enthalpy": Function((2, 3), _takes("kJ/kg", "°C", "%", "bar(a)"), _air_enthalpy),
    "dew_point": _of_two(_takes("°C", "°C", "%"), _dew_point),
    "water_heat": Function((3, 3), _takes("kW", "m³/h", "°C", "°C"), _water_heat),
    "water_enthalpy": Function((1, 1), _takes("kJ/kg", "°C"), _water_enthalpy),
}
"""Everything an expression may call; operators by their sign."""
