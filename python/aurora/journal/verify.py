"""Recomputes the hash chains of a journal from its files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aurora.errors import AuroraError

from .canonical import ZERO_HASH, decision_bytes, fill_bytes, next_hash
from .exact import Quanta
from .rows import decision_from_row, fill_from_row


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What recomputing one chain found."""

    table: str
    rows: int
    """Rows that hold, from the start."""
    digest: str
    """Hash after those rows."""
    broken_at: int | None = None
    """Sequence number of the first row that is changed, missing, out of place or doubled."""
    problem: str = ""

    @property
    def ok(self) -> bool:
        return self.broken_at is None

    def text(self) -> str:
        if self.ok:
            return f"{self.table}: {self.rows} rows hold, digest {self.digest}"
        return f"{self.table}: broken at sequence {self.broken_at}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What recomputing all chains found. ``complete``: the run ended, so its last rows were counted too."""

    decisions: ChainCheck
    fills: ChainCheck
    complete: bool

    @property
    def ok(self) -> bool:
        return self.decisions.ok and self.fills.ok

    @property
    def first_broken(self) -> int | None:
        """Sequence number of the first broken decision, else of the first broken fill, else None."""
        return self.fills.broken_at if self.decisions.ok else self.decisions.broken_at

    def text(self) -> str:
        lines = [self.decisions.text(), self.fills.text()]
        if not self.complete:
            lines.append("the run has no summary: whether last rows are missing cannot be told")
        return "\n".join(lines)


def _decision_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["trace"],)


def _fill_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["instrument"], row["trade_id"])


_CHAINS: dict[str, tuple[Callable[[Any, Quanta], bytes], Callable[[Mapping[str, Any]], tuple[Any, ...]]]] = {
    "decisions": (lambda row, quanta: decision_bytes(decision_from_row(row, quanta)), _decision_key),
    "fills": (lambda row, quanta: fill_bytes(fill_from_row(row, quanta)), _fill_key),
}


def check_chain(
    table: str,
    rows: Iterator[Mapping[str, Any]],
    quanta: Quanta,
    expected_rows: int | None = None,
    expected_digest: str | None = None,
) -> ChainCheck:
    """Recomputes the chain of ``decisions`` or ``fills`` over ``rows``; ``expected_*``: the summary's."""
    to_bytes, key = _CHAINS[table]
    current = ZERO_HASH
    seen: dict[tuple[Any, ...], int] = {}
    count = 0

    def broken(problem: str) -> ChainCheck:
        return ChainCheck(table, count, current.hex(), count, problem)

    for row in rows:
        if row["sequence"] != count:
            return broken(
                f"the row there says it is number {row['sequence']}: rows are missing, moved or doubled"
            )
        if row["previous_hash"] != current.hex():
            return broken("its previous hash is not the hash of the row before: a row was changed or removed")
        first = seen.setdefault(key(row), count)
        if first != count:
            return broken(f"it repeats the record of sequence {first}")
        try:
            following = next_hash(current, to_bytes(row, quanta))
        except (AuroraError, ValueError, TypeError, ArithmeticError) as error:
            return broken(f"the row is no {table.removesuffix('s')}: {error}")
        if row["hash"] != following.hex():
            return broken("its contents do not give its hash: the row was changed")
        current = following
        count += 1
    if expected_rows is not None and expected_rows != count:
        what = "the last ones are missing" if count < expected_rows else "some were added"
        return broken(f"the summary counts {expected_rows} rows, the table has {count}: {what}")
    if expected_digest is not None and expected_digest != current.hex():
        return ChainCheck(
            table, count, current.hex(), 0, f"the summary's digest is {expected_digest}: all was replaced"
        )
    return ChainCheck(table, count, current.hex())
