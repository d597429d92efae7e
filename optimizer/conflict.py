"""Why something is short: the shortages by weight, and a smallest set of declared limits that conflict.

First the elastic problem: the plan itself, whose named shortages say what cannot be had, and how much of it.
Then, for one of them, the shortage is forbidden, and declared limits are taken away one by one: what may be
taken away while it stays impossible has nothing to do with it (deletion filter, Chinneck and Dravnieks 1991,
An irreducible set of constraints, ORSA J. Computing 3). What is left conflicts, and nothing of it is idle.

A declared limit is whatever was set away from its default: a lock, a shortest stop, a contract, a content
wanted at the end. So a limit that is new in the problem is looked at here without a word of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np

from optimizer.build import build
from optimizer.carry import cut, may_be_cut
from optimizer.components.balance import SCALARS, SERIES, SLACK_EUR
from optimizer.limit_words import LIMIT_OF, capacity, limit_text, need_text
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE, Shortage
from optimizer.problem import DispatchProblem
from optimizer.solve import Solved, SolveOptions, solve
from optimizer.words import Speech, slack_name
from protocols.config import Text

NO_LIMITS: Final = frozenset(
    {
        *("levies", "shed", "heat_recovery_frac", "heat_carrier", "low_heat", "low_carrier"),
        *("move_eur", "own_bar_g", "stays"),
        *("name", "kind", "floats", "supply_c", "charges", "tiers", "marginal_kg_kwh"),
        *("on", "state_s", "run_h", "ages_s", "last", "warm_up_kw", "warm_up_fuel_kw", "run_on_kw"),
        *("start_eur", "stop_eur", "cold_start_eur", "cold_after_s", "wear_eur_kwh", "charge_wear_eur_kwh"),
        *("charge_eff_frac", "discharge_eff_frac", "efficiency_frac", "loss_per_h_frac"),
        *("end_value_eur_kwh", "end_value", "may_blow_off", "may_waste_cooling", "may_waste_heat"),
    }
)
"""Fields with a default that are a state, a price, a curve, or what a machine is made of."""
_NOT_LOOKED_AT: Final = frozenset(
    {
        *("start_ns", "step_s", "steps", "binary_steps", "forecasts", "prices", "carriers"),
        *("remarks", "begun", "speech"),
    }
)
_ROOM: Final = 1e-3
"""What another shortage may be larger than in the plan: a share, and as much absolutely."""
_PAIRS_UP_TO: Final = 10
"""Pairs of limits are tried where there are no more than this many."""
_LIMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Declared limits that cannot be kept together.

    Attributes:
        shortage: What gives way in the plan; None where no plan exists at all.
        need: What is asked for.
        limits: A set of limits that conflict with it; nothing of it can be left out.
        smallest: Whether no smaller set conflicts; otherwise only that no part of this one does.
    """

    shortage: Shortage | None
    need: Text
    limits: tuple[Text, ...]
    smallest: bool


@dataclass(frozen=True, slots=True)
class _Limit:
    """A declared limit: where it stands in the problem, or the named shortage that would be its price."""

    text: Text
    owner: tuple[str, int | None] = ("", None)
    path: tuple[str, ...] = ()
    slack: str = ""


def ranked(problem: DispatchProblem, shortages: Sequence[Shortage]) -> list[Shortage]:
    """Shortages by what they weigh, the worst first; of one name only its worst step."""
    worst: dict[str, Shortage] = {}
    for one in shortages:
        if one.name not in worst or one.amount > worst[one.name].amount:
            worst[one.name] = one
    weighed = {one.name: one.amount * SLACK_EUR.get(slack_name(one.name), 1.0) for one in worst.values()}
    found = [one for one in worst.values() if not _is_free(problem, one.name)]
    return sorted(found, key=lambda one: (-weighed[one.name], one.name))


def conflict_of(
    problem: DispatchProblem,
    shortages: Sequence[Shortage],
    target: Shortage | None,
    speech: Speech | None = None,
    budget_s: float = 20.0,
) -> Conflict:
    """The declared limits that make a shortage of a plan inevitable.

    Args:
        problem: The problem of the plan.
        shortages: All shortages of the plan; the others are taken as they are.
        target: The one to look at; None where the problem has no plan.
        speech: How machines and times are called; None: as the problem says.
        budget_s: When it is over no more is asked, and what is left of the set is told. [s]

    Returns:
        The conflict; without limits where the shortage was chosen because all else costs more.
    """
    speech = speech or problem.speech
    asked = _Asked(problem, shortages, target, time.monotonic() + budget_s)
    limits = list(_declared(problem, asked, speech))
    text = need_text(problem, target, speech)
    fixed = () if target is None else capacity(problem, target, speech)
    if asked.possible(limits, everything := tuple(range(len(limits)))):
        return Conflict(target, text, (), smallest=not asked.over)
    if not asked.possible(limits, ()):
        return Conflict(target, text, fixed, smallest=True)
    kept, smallest = _smallest(asked, limits, everything)
    texts = (*fixed, *(limits[place].text for place in kept))
    return Conflict(target, text, texts, smallest and not asked.over)


def _smallest(
    asked: _Asked, limits: list[_Limit], everything: tuple[int, ...]
) -> tuple[tuple[int, ...], bool]:
    for place in everything:
        if not asked.possible(limits, (place,)):
            return (place,), True
    kept = everything
    for place in everything:
        rest = tuple(one for one in kept if one != place)
        if not asked.possible(limits, rest):
            kept = rest
    if len(kept) == 2:  # noqa: PLR2004  no single one conflicts
        return kept, True
    if len(everything) > _PAIRS_UP_TO:
        return kept, False
    pairs = (pair for pair in combinations(everything, 2) if not asked.possible(limits, pair))
    found = next(pairs, None)
    return (kept, len(kept) == 3) if found is None else (found, True)  # noqa: PLR2004  no pair conflicts


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whether a plan without the shortage looked at exists, with some of the limits only."""

    problem: DispatchProblem
    shortages: Sequence[Shortage]
    target: Shortage | None
    until_s: float = np.inf
    """When no more is asked; what is not known by then counts as possible."""
    _known: dict[tuple[int, ...], bool] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Steps that matter: what comes later cannot make an earlier shortage smaller."""
        whole = self.target is None or not may_be_cut(self.problem)
        return self.problem.steps if whole or self.target is None else self.target.step + 1

    @property
    def contract(self) -> tuple[str, ...]:
        """Field of the limit that is exceeded where the shortage is an overshoot."""
        family = "" if self.target is None else slack_name(self.target.name)
        return (LIMIT_OF[family],) if family in LIMIT_OF else ()

    @property
    def over(self) -> bool:
        """Whether the time for questions is over."""
        return time.monotonic() > self.until_s

    def possible(self, limits: list[_Limit], kept: tuple[int, ...]) -> bool:
        """Solve for any plan; a question that finds no answer in time counts as possible."""
        if self.over and kept not in self._known:
            return True
        if kept not in self._known:
            self._known[kept] = self._solved(limits, kept)
        return self._known[kept]

    def _solved(self, limits: list[_Limit], kept: tuple[int, ...]) -> bool:
        problem, free = self.problem, set()
        for place, limit in enumerate(limits):
            if place in kept:
                continue
            if limit.slack:
                free.add(limit.slack)
            else:
                problem = _without(problem, limit)
        part = problem if self.end == problem.steps else cut(problem, 0, self.end)
        matrix, _ = build(part)
        found = solve(
            self._forbidden(matrix, free), SolveOptions(gap_frac=1.0, limit_s=_LIMIT_S, gap_eur=1e9)
        )
        return isinstance(found, Solved) or not found.infeasible

    def _forbidden(self, matrix: Matrix, free: set[str]) -> Matrix:
        """The shortage looked at is forbidden, all others are no larger than in the plan."""
        upper = matrix.upper.copy()
        for name, block in matrix.columns.items():
            if not is_slack(name) or (self.target is None):
                continue
            if slack_name(name) in free or name in free or _is_free(self.problem, name):
                continue
            upper[block] = _ROOM
            for one in self.shortages:
                if one.name == name:
                    at = block.ravel()[min(one.step, block.size - 1)]
                    upper[at] = one.amount * (1.0 + _ROOM) + _ROOM if one.step < self.end else upper[at]
        target = self.target
        if target is not None and target.name in matrix.columns:
            block = matrix.columns[target.name].ravel()
            upper[block[min(target.step, len(block) - 1)]] = 0.5 * min(target.amount, SHORTAGE_TOLERANCE)
        return replace(matrix, upper=upper, cost=np.zeros_like(matrix.cost), offset=0.0)


def is_slack(name: str) -> bool:
    """Whether a block of columns is a named shortage."""
    return slack_name(name) in SLACK_EUR or name.startswith((*SERIES, *SCALARS))


def _is_free(problem: DispatchProblem, name: str) -> bool:
    allowed = {
        "air_surplus": "may_blow_off",
        "cooling_surplus": "may_waste_cooling",
        "heat_surplus": "may_waste_heat",
    }
    return name in allowed and bool(getattr(problem.limits, allowed[name], True))


def _declared(problem: DispatchProblem, asked: _Asked, speech: Speech) -> Iterator[_Limit]:
    """Every declared limit; those that have a named shortage by that."""
    for name, place, thing in _parts(problem):
        for path, value in _set_away(thing):
            if path == asked.contract:
                continue  # it is what is asked for
            text = limit_text(problem, getattr(thing, "name", ""), (path, value), speech)
            yield _Limit(text, (name, place), path)
    if asked.target is None:
        return
    for family in ("air_short", "cooling_short", "heat_short", "air_surplus", "cooling_surplus"):
        if family != slack_name(asked.target.name) and _is_needed(problem, family):
            yield _Limit(need_text(problem, Shortage(family, -1, 0.0), speech), slack=family)


def _parts(problem: DispatchProblem) -> Iterator[tuple[str, int | None, object]]:
    """Machines, contracts and limits: the field they stand in, their place there where it holds several."""
    for one in fields(problem):
        value = getattr(problem, one.name)
        if one.name in _NOT_LOOKED_AT:
            continue
        several = isinstance(value, tuple)
        for place, thing in enumerate(value if several else (value,)):
            if is_dataclass(thing) and not isinstance(thing, type):
                yield one.name, place if several else None, thing


def _is_needed(problem: DispatchProblem, family: str) -> bool:
    name = {"air": "air_m3_min", "cooling": "cooling_kw", "heat": "heat_kw"}[family.partition("_")[0]]
    return not _is_free(problem, family) and bool(getattr(problem.forecasts, name).any())


def _set_away(thing: Any) -> Iterator[tuple[tuple[str, ...], object]]:  # noqa: ANN401  any part of a problem
    """Paths of fields that are not at their default, and their values."""
    for one in fields(thing):
        default, value = _default(one), getattr(thing, one.name)
        if default is MISSING or one.name in NO_LIMITS:
            continue
        if is_dataclass(value) and type(value) is type(default):
            for path, inner in _set_away(value):
                yield (one.name, *path), inner
        elif not _same(value, default):
            yield (one.name,), value


def _default(one: Field[Any]) -> object:
    if one.default is not MISSING:
        return one.default
    return one.default_factory() if one.default_factory is not MISSING else MISSING


def _same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return a is b
    return bool(a == b)


def _without(problem: DispatchProblem, limit: _Limit) -> DispatchProblem:
    name, place = limit.owner
    value = getattr(problem, name)
    if place is None:
        return replace(problem, **{name: _reset(value, limit.path)})
    changed: Any = (*value[:place], _reset(value[place], limit.path), *value[place + 1 :])
    return replace(problem, **{name: changed})


def _reset(thing: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401  the same class again
    if len(path) > 1:
        return replace(thing, **{path[0]: _reset(getattr(thing, path[0]), path[1:])})
    default = next(_default(one) for one in fields(thing) if one.name == path[0])
    return replace(thing, **{path[0]: default})
