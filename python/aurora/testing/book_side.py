"""One side of a synthetic order book: a sorted list of levels that follows a moving best price."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

__all__ = ["BookSide"]

# Between these many levels are kept on a side, all of them in the snapshot.
_MIN_LEVELS, _FIRST_LEVELS, _MAX_LEVELS = 24, 30, 36


class BookSide:
    """One side of the book.

    Keys are ticks for bids and negated ticks for asks, so that the best key is the largest on either side.

    keys: prices, ascending.
    lots: displayed size of each key, a positive whole number of lots.
    changed: keys touched since the set was last cleared; one that is no longer in `lots` was deleted.
    """

    __slots__ = ("changed", "draw", "keys", "lots", "spacing", "typical")

    def __init__(self, best: int, typical: float, spacing: int, draw: Callable[[], float]) -> None:
        self.draw = draw
        self.typical = typical
        self.spacing = spacing
        self.keys = [best]
        self.lots = {best: self.size()}
        self.changed: set[int] = set()
        self.deepen(_FIRST_LEVELS)
        self.changed.clear()

    def size(self, scale: float = 1.0) -> int:
        """A random size in lots: a tenth to 2.1 times the typical one times `scale`, skewed to the small."""
        u = self.draw()
        return 1 + int(self.typical * scale * (0.1 + 2.0 * u * u))

    def place(self, key: int, lots: int) -> None:
        """Set the size of a level; a new one must already be in `keys`."""
        self.lots[key] = lots
        self.changed.add(key)

    def deepen(self, count: int) -> None:
        """Add levels at the far end until there are `count`."""
        keys = self.keys
        while len(keys) < count:
            key = keys[0] - 1 - int(self.draw() * (2 * self.spacing - 1))
            keys.insert(0, key)
            self.place(key, self.size(1.5))

    def move_best(self, best: int) -> None:
        """Make `best` the best level: levels it passes are removed, new ones fill the way behind it."""
        keys = self.keys
        while keys and keys[-1] > best:
            key = keys.pop()
            del self.lots[key]
            self.changed.add(key)
        if not keys or keys[-1] < best:
            gap = best - keys[-1] - 1 if keys else 0
            for key in sorted({best - 1 - int(self.draw() * gap) for _ in range(min(gap, 3))}):
                keys.append(key)
                self.place(key, self.size())
            keys.append(best)
            self.place(best, self.size())
        surplus = len(keys) - _MAX_LEVELS
        if surplus > 0:
            for key in keys[:surplus]:
                del self.lots[key]
                self.changed.add(key)
            del keys[:surplus]
        self.deepen(_MIN_LEVELS)

    def change_deep(self) -> None:
        """Resize, withdraw or add one level behind the best."""
        keys = self.keys
        index = int(self.draw() * (len(keys) - 1))
        key = keys[index]
        what = self.draw()
        if what < 0.15 and len(keys) > _MIN_LEVELS:
            del keys[index]
            del self.lots[key]
            self.changed.add(key)
        elif what < 0.3 and len(keys) < _MAX_LEVELS and keys[index + 1] - key > 1:
            added = key + 1 + int(self.draw() * (keys[index + 1] - key - 1))
            insort(keys, added)
            self.place(added, self.size())
        else:
            self.place(key, self.size(1.5))
