"""How much alike engines are wrong: the correlation of their forecast errors, faded and shrunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aurora.errors import UsageError
from aurora.signal.checks import finite, within
from aurora.signal.portable_math import half_life_decay
from aurora.signal.settings import ConsensusSettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "error_correlation", 1


def signed_error(side: int, p: float, right: bool) -> float:
    """What happened less what was forecast, both as "up": side · (right - p).

    Seen as forecasts of "up", two engines that chose opposite sides with the same p err in opposite amounts.

    Raises:
        DataError: p outside [0, 1].
        UsageError: a side other than -1 and +1.
    """
    if side not in (-1, 1):
        raise UsageError(f"side is {side}; it must be -1 or +1")
    return side * ((1.0 if right else 0.0) - within("p", p, 0.0, 1.0))


class ErrorCorrelation:
    """Exponentially weighted correlation of errors about 0, shrunk towards none by n_eff / (n_eff + prior).

    One instant is one set of engines whose votes of the same time and instrument were resolved. An engine without a
    vote has error 0 there: engines that speak at different times are not alike. The matrix is positive definite as
    soon as the shrinkage is.
    """

    def __init__(self, engines: Sequence[str], settings: ConsensusSettings) -> None:
        if len(set(engines)) != len(engines):
            raise UsageError("engines: a name occurs twice")
        self.engines = tuple(engines)
        self.settings = settings
        size = len(self.engines)
        self._fade = half_life_decay(1.0, settings.correlation_half_life)
        self._weight = self._weight_square = 0.0
        self._products = [[0.0] * size for _ in range(size)]

    def learn(self, errors: Mapping[str, float]) -> None:
        """Takes the :func:`signed_error` of each engine that voted at one instant.

        Raises:
            DataError: an error is not finite.
            UsageError: an unknown engine.
        """
        unknown = sorted(set(errors) - set(self.engines))
        if unknown:
            raise UsageError(f"no engine is called {unknown[0]!r}; there are {', '.join(self.engines)}")
        row = [finite(f"errors[{name!r}]", errors.get(name, 0.0)) for name in self.engines]
        self._weight = self._weight * self._fade + 1.0
        self._weight_square = self._weight_square * self._fade * self._fade + 1.0
        for i, one in enumerate(row):
            for j in range(i + 1):
                self._products[i][j] = self._products[i][j] * self._fade + one * row[j]

    @property
    def shrinkage(self) -> float:
        """Factor of the off-diagonal, in [0, 1)."""
        if self._weight_square <= 0:
            return 0.0
        n = self._weight * self._weight / self._weight_square
        return n / (n + self.settings.correlation_prior)

    def matrix(self) -> list[list[float]]:
        """The shrunk correlations, in the order of ``engines``; an engine that never erred is alike to none."""
        size = len(self.engines)
        answer = [[float(i == j) for j in range(size)] for i in range(size)]
        for i in range(size):
            for j in range(i):
                scale = math.sqrt(self._products[i][i] * self._products[j][j])
                if scale > 0:
                    bare = max(-1.0, min(1.0, self._products[i][j] / scale))
                    answer[i][j] = answer[j][i] = self.shrinkage * bare
        return answer

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            engines=list(self.engines),
            weights=to_hex([self._weight, self._weight_square]),
            products=[to_hex(row) for row in self._products],
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
            UsageError: a state of other engines.
        """
        engines, weights, products = fields_of(state, KIND, VERSION, "engines", "weights", "products")
        if tuple(engines) != self.engines:
            raise UsageError(f"state of engines {', '.join(engines)}, expected {', '.join(self.engines)}")
        self._weight, self._weight_square = from_hex(weights)
        self._products = [from_hex(row) for row in products]
