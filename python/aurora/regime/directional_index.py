"""Wilder's average directional index: how one-sided have the bars been?"""

from __future__ import annotations

from typing import Any


class AverageDirectionalIndex:
    """ADX of Wilder (1978), *New Concepts in Technical Trading Systems*, bar by bar in constant memory.

    Directional movement of a bar is up = high - high', down = low' - low, the greater of the two if positive (equal:
    none), and the true range is max(high, close') - min(low, close'). Their sums begin with the first n - 1 bars and go
    on as S - S/n + new; DX = 100 |up - down| / (up + down); ADX begins as the mean of the first n DX, then
    (ADX (n - 1) + DX) / n. So the first value comes with bar 2n. Same as TA-Lib but for its test of zero: a DX without
    movement, 0/0, counts as 0 in the first mean and leaves ADX where it is later.
    """

    __slots__ = ("_adx", "_before", "_down", "_length", "_range", "_seen", "_up", "_value_count")

    def __init__(self, length: int = 14):
        self._length = length
        self.reset()

    def reset(self) -> None:
        """Forgets every bar."""
        self._before: tuple[float, float, float] | None = None
        self._seen = 0
        self._up = self._down = self._range = 0.0
        self._value_count = 0
        self._adx = 0.0

    def update(self, high: float, low: float, close: float) -> None:
        """Takes the next bar's prices."""
        before, self._before = self._before, (high, low, close)
        if before is None:
            return
        n = self._length
        up, down = high - before[0], before[1] - low
        up, down = (up if up > down and up > 0 else 0.0), (down if down > up and down > 0 else 0.0)
        true_range = max(high, before[2]) - min(low, before[2])
        self._seen += 1
        if self._seen < n:
            self._up += up
            self._down += down
            self._range += true_range
            return
        self._up += up - self._up / n
        self._down += down - self._down / n
        self._range += true_range - self._range / n
        both = self._up + self._down
        # Without range there is no movement either.
        index = 100 * abs(self._up - self._down) / both if both > 0 else None
        if self._value_count < n:
            self._value_count += 1
            self._adx += index or 0.0
            if self._value_count == n:
                self._adx /= n
        elif index is not None:
            self._adx = (self._adx * (n - 1) + index) / n

    @property
    def value(self) -> float | None:
        """In [0, 100]; None until bar 2n."""
        return self._adx if self._value_count == self._length else None

    def state(self) -> dict[str, Any]:
        before = None if self._before is None else [price.hex() for price in self._before]
        sums = [value.hex() for value in (self._up, self._down, self._range, self._adx)]
        return {"before": before, "seen": self._seen, "values": self._value_count, "sums": sums}

    def load(self, state: dict[str, Any]) -> None:
        before = state["before"]
        if before is not None:
            high, low, close = (float.fromhex(price) for price in before)
            self._before = (high, low, close)
        else:
            self._before = None
        self._seen = state["seen"]
        self._value_count = state["values"]
        self._up, self._down, self._range, self._adx = (float.fromhex(value) for value in state["sums"])
