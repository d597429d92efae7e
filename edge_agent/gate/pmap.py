"""A mapping whose copy costs one small bucket: a new state shares with the old all it did not touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Generic, TypeVar

from typing_extensions import override

K = TypeVar("K")
V = TypeVar("V")

_BUCKETS: Final = 128


class PMap(Mapping[K, V], Generic[K, V]):
    """Immutable; `put` and `drop` give a new one in time that does not grow below some ten thousand entries.

    Example:
        >>> one = PMap[str, int]().put("a", 1)
        >>> two = one.put("b", 2).drop("a")
        >>> dict(one), dict(two)
        ({'a': 1}, {'b': 2})
    """

    __slots__ = ("_buckets", "_count")

    def __init__(self) -> None:
        self._buckets: tuple[dict[K, V], ...] = ({},) * _BUCKETS
        self._count = 0

    def put(self, key: K, value: V) -> PMap[K, V]:
        """The same with `key` standing for `value`."""
        index = hash(key) % _BUCKETS
        old = self._buckets[index]
        return self._with(index, {**old, key: value}, self._count + (key not in old))

    def drop(self, key: K) -> PMap[K, V]:
        """The same without `key`; itself when there is none."""
        index = hash(key) % _BUCKETS
        old = self._buckets[index]
        if key not in old:
            return self
        return self._with(index, {k: v for k, v in old.items() if k != key}, self._count - 1)

    def _with(self, index: int, bucket: dict[K, V], count: int) -> PMap[K, V]:
        new: PMap[K, V] = PMap()
        new._buckets = (*self._buckets[:index], bucket, *self._buckets[index + 1 :])
        new._count = count
        return new

    @override
    def __getitem__(self, key: K) -> V:
        return self._buckets[hash(key) % _BUCKETS][key]

    @override
    def __iter__(self) -> Iterator[K]:
        for bucket in self._buckets:
            yield from bucket

    @override
    def __len__(self) -> int:
        return self._count
