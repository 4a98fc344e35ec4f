"""Sequences whose items are made when somebody reads them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

_Item = TypeVar("_Item")


class Lazy(Sequence[_Item]):
    """A sequence that is equal to a tuple, and whose items are made when they are first needed."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: tuple[_Item, ...] | None = None

    @abstractmethod
    def _make(self) -> tuple[_Item, ...]:
        """Make all items."""

    def items(self) -> tuple[_Item, ...]:
        """Return all items; they are kept from then on."""
        if self._items is None:
            self._items = self._make()
        return self._items

    def __len__(self) -> int:
        return len(self.items())

    @overload
    def __getitem__(self, index: int) -> _Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_Item, ...]: ...
    def __getitem__(self, index: int | slice) -> _Item | tuple[_Item, ...]:
        return self.items()[index]

    def __iter__(self) -> Iterator[_Item]:
        return iter(self.items())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lazy):
            other = other.items()
        return self.items() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.items())

    def __repr__(self) -> str:
        return repr(self.items())

    def __add__(self, other: Iterable[_Item]) -> tuple[_Item, ...]:
        return (*self, *other)

    def __radd__(self, other: Iterable[_Item]) -> tuple[_Item, ...]:
        return (*other, *self)

    def __reduce__(self) -> tuple[Any, ...]:  # a copy, or what another process receives, is a tuple
        return tuple, (self.items(),)
