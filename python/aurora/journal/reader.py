"""A finished or running journal, read back."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from aurora.errors import AuroraError, DataError

from . import storage
from .exact import Quanta
from .explain import Explanation, explain
from .tables import schema
from .verify import Verification, check_chain

READABLE_VERSIONS = (2,)


class TraceNotFound(AuroraError):
    """No decision, or more than one, has that trace; the message suggests others."""


class Journal:
    """The records of one run. Tables are lazy frames, read when collected; rows in the order of the run."""

    def __init__(
        self, directory: Path, run: dict[str, Any], summary: dict[str, Any] | None, quanta: Quanta
    ) -> None:
        self.directory = directory
        self.run = run
        """What ``run.json`` holds."""
        self.summary = summary
        """What ``summary.json`` holds; None while the run has not ended."""
        self._quanta = quanta

    @classmethod
    def open(cls, directory: Path | str) -> Journal:
        """Opens a run directory. DataError when there is no journal in it, or one of an unknown version."""
        directory = Path(directory)
        run = _read_json(directory / storage.RUN)
        description = _read_json(directory / storage.JOURNAL)
        if description.get("schema_version") not in READABLE_VERSIONS:
            raise DataError(
                f"{directory} is a journal of version {description.get('schema_version')}; "
                f"this program reads {READABLE_VERSIONS}: read it with the version that wrote it"
            )
        try:
            quanta = Quanta.from_dict(description)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{directory / storage.JOURNAL} is damaged: {error!r}") from error
        summary = directory / storage.SUMMARY
        return cls(directory, run, _read_json(summary) if summary.exists() else None, quanta)

    def _scan(self, table: str) -> pl.LazyFrame:
        paths = [path for _, path in storage.parts(self.directory, table)]
        if not paths:
            return pl.LazyFrame(schema=schema(table, self._quanta))
        return pl.scan_parquet(paths)

    def decisions(self) -> pl.LazyFrame:
        """One row per decision, traded or not. Prices, sizes and money are exact decimals; times are ns."""
        return self._scan("decisions")

    def orders(self) -> pl.LazyFrame:
        """One row per command sent and report taken."""
        return self._scan("orders")

    def fills(self) -> pl.LazyFrame:
        """One row per execution."""
        return self._scan("fills")

    def outcomes(self) -> pl.LazyFrame:
        """One row per vote at its horizon."""
        return self._scan("outcomes")

    def equity(self) -> pl.LazyFrame:
        """The account on a grid of local time; mids in quote currency."""
        return self._scan("equity")

    def slices(self) -> pl.LazyFrame:
        """Samples, votes and abstentions of every slice and instrument that had samples."""
        return self._scan("slices")

    def _rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Rows part by part, so that memory stays that of one part. DataError when a part cannot be read."""
        for _, path in storage.parts(self.directory, table):
            try:
                part = pl.read_parquet(path)
            except (OSError, pl.exceptions.PolarsError) as error:
                raise DataError(f"{path} cannot be read: {error}") from error
            # Decimals as the integers they are stored as: six times faster than by Decimal.
            yield from part.select(pl.all().to_physical()).iter_rows(named=True)

    def verify(self) -> Verification:
        """Recomputes both hash chains from the files. DataError when a part is no Parquet file."""
        summary = self.summary or {}
        return Verification(
            decisions=check_chain(
                "decisions",
                self._rows("decisions"),
                self._quanta,
                summary.get("decisions"),
                summary.get("decisions_digest"),
            ),
            fills=check_chain(
                "fills", self._rows("fills"), self._quanta, summary.get("fills"), summary.get("fills_digest")
            ),
            complete=self.summary is not None,
        )

    def explain(self, trace: str | int, reason_docs: Mapping[str, str] | None = None) -> Explanation:
        """The story of one decision.

        trace: its number, its 16 hexadecimal digits, or the first digits when they are enough.
        reason_docs: meaning of each reason code in one line.

        Raises TraceNotFound, with suggestions, when no decision or several fit.
        """
        found = self._find(
            f"{trace:016x}" if isinstance(trace, int) else trace.strip().lower().removeprefix("0x")
        )
        mine = pl.col("trace") == found

        def rows(table: pl.LazyFrame) -> list[dict[str, Any]]:
            return table.filter(mine).collect().to_dicts()

        return explain(
            decision=rows(self.decisions())[0],
            orders=rows(self.orders()),
            fills=rows(self.fills()),
            outcomes=rows(self.outcomes()),
            reason_docs=reason_docs or {},
        )

    def _find(self, wanted: str) -> str:
        known = self.decisions().select("trace", "reason").collect()
        fitting = known.filter(pl.col("trace").str.starts_with(wanted))["trace"].unique(maintain_order=True)
        if wanted and len(fitting) == 1:
            return str(fitting[0])
        if known.is_empty():
            raise TraceNotFound(f"no trace {wanted!r}: {self.directory} holds no decisions")
        if wanted and len(fitting) > 1:
            raise TraceNotFound(f"trace {wanted!r} fits {len(fitting)} decisions: {_some(fitting.to_list())}")
        near = difflib.get_close_matches(wanted, known["trace"].head(100_000).to_list(), n=3, cutoff=0.5)
        if near:
            raise TraceNotFound(f"no trace {wanted!r} in {self.directory}; did you mean {_some(near)}?")
        traded = known.filter(pl.col("reason").str.starts_with("trade."))
        examples = (traded if len(traded) else known)["trace"].to_list()
        kind = "traded" if len(traded) else "decided"
        raise TraceNotFound(f"no trace {wanted!r} in {self.directory}; {kind} were {_some(examples)}")


def _some(traces: list[str]) -> str:
    shown = ", ".join(traces[:5])
    return f"{shown}, ..." if len(traces) > 5 else shown


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}): give the output directory of a run"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is no JSON object: give the output directory of a run")
    return content
