"""What an engine is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aurora.messages import FloatColumn, IntColumn, Votes


@dataclass(frozen=True, slots=True)
class EngineInput:
    """Feature rows and touch changes of one instrument over a span of local time.

    Rows lie on the sampling grid in rising order; float columns hold NaN where undefined.
    """

    local_ns: IntColumn
    columns: Mapping[str, FloatColumn]
    """By feature name: mid, spread_bps, obi_1, obi_k, weighted_mid, ofi, tfi, realised_volatility."""
    quote_ns: IntColumn
    quote_mid: FloatColumn
    """Mid changes at local time; NaN where the touch was lost."""


class Engine(Protocol):
    """Looks at features, answers with votes. What it knows at a row is what the rows up to it say."""

    name: str
    refit_ns: int
    """Local times that are multiples of this are refit instants; 0: none."""

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        """Takes the next rows of every instrument (never reaching past the next refit instant)."""
        ...

    def refit(self, now_ns: int) -> None:
        """Called at each refit instant, after every row and quote before it was taken."""
        ...

    def findings(self) -> dict[str, Any]:
        """What the engine believes now, for reports."""
        ...

    def snapshot(self) -> bytes: ...

    def restore(self, state: bytes) -> None: ...
