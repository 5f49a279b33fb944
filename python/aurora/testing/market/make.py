"""Synthetic market v2: from settings to captures, blocks and truth."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from aurora.capture import CaptureSettings
from aurora.testing.market.blocks import BlockSource
from aurora.testing.market.faults import Ledger, plant_faults, step_clocks
from aurora.testing.market.funding import FundingRow, funding_rows
from aurora.testing.market.latent import Latent, latent_paths
from aurora.testing.market.lines import capture_lines
from aurora.testing.market.messages import Book, Messages, build_book, capture_messages
from aurora.testing.market.oracle import Oracle
from aurora.testing.market.schedules import Grid, Spell, regime_spells
from aurora.testing.market.settings import MarketSettings
from aurora.testing.market.truth import VERSION, truth_of
from aurora.testing.settings import generator

__all__ = ["PlantedMarket", "make_market"]

_CHUNK = 200_000
"""Lines that are turned into text at once."""


def make_market(settings: MarketSettings) -> PlantedMarket:
    """The market of these settings. Nothing is computed before it is asked for.

    Raises:
        TypeError: these are no MarketSettings.
    """
    if not isinstance(settings, MarketSettings):
        raise TypeError(f"settings must be MarketSettings, got {type(settings).__name__}")
    return PlantedMarket(settings)


class PlantedMarket:
    """A synthetic market and all that is known about it."""

    def __init__(self, settings: MarketSettings):
        self.settings = settings
        step_ms = settings.rates.grid_ms
        self.grid = Grid(step_ms, int(settings.duration_s * 1000) // step_ms + 1)
        connection = generator(settings.seed, "connection")
        drawn_ms = int(connection.integers(-1500, -899))
        # One connection carries all symbols: a difference between them would be a lag nobody planted.
        self._latency_ns = int(connection.integers(4_000_000, 9_000_000))
        given = settings.clock_offset_ms
        self.clock_offset_ms = drawn_ms if given is None else given
        """Receive clock minus exchange clock."""

    @cached_property
    def regimes(self) -> list[Spell]:
        """Spells of the labelled regimes, in grid steps; empty without a plant."""
        return regime_spells(self.settings.regimes, self.settings.seed, self.grid)

    @cached_property
    def paths(self) -> dict[str, Latent]:
        """Latent log prices by symbol, with their planted parts."""
        return latent_paths(self.settings, self.grid, self.regimes)

    @cached_property
    def oracle(self) -> Oracle:
        """What someone who knows the plants expects."""
        return Oracle(self.paths, self.settings.links, self.regimes, self.grid, self.settings.start_ms)

    @cached_property
    def funding(self) -> list[FundingRow]:
        """Funding of all symbols by time."""
        return funding_rows(self.settings)

    @cached_property
    def _received(self) -> tuple[dict[str, Messages], Ledger]:
        books: dict[str, Book] = {}
        captures: dict[str, Messages] = {}
        for own in self.settings.symbols:
            book = build_book(
                own,
                self.paths[own.symbol],
                self.settings.rates,
                self.settings.seed,
                self.grid,
                self.regimes,
                self.settings.start_ms,
            )
            captures[own.symbol] = capture_messages(
                book, own, self.settings.seed, self.clock_offset_ms, self._latency_ns
            )
            if any(fault.symbol == own.symbol for fault in self.settings.faults):
                books[own.symbol] = book
        ledger = step_clocks(self.settings, captures)
        for symbol, book in books.items():
            captures[symbol], found = plant_faults(self.settings, symbol, captures[symbol], book)
            ledger += found
        return captures, ledger

    @property
    def messages(self) -> Mapping[str, Messages]:
        """Everything an observer receives, by symbol, in order of receive time."""
        return self._received[0]

    @property
    def events(self) -> int:
        """Messages of all symbols."""
        return sum(len(messages) for messages in self.messages.values())

    @cached_property
    def truth(self) -> dict[str, Any]:
        """Everything planted, as the truth file has it; see docs/synthetic-market.md."""
        return truth_of(
            self.settings,
            self.grid,
            self.paths,
            self.regimes,
            self.funding,
            self._received[1] if self.settings.faults else [],
            self.clock_offset_ms,
            {symbol.symbol: self.file_name(symbol.symbol) for symbol in self.settings.symbols},
        )

    def source(self, capture: CaptureSettings | None = None) -> BlockSource:
        """The market as blocks in memory, for whatever reads a :class:`aurora.capture.CaptureSet`."""
        captures = {own.symbol: (self.messages[own.symbol], own.spec) for own in self.settings.symbols}
        return BlockSource(captures, capture)

    def file_name(self, symbol: str, *, packed: bool = True) -> str:
        """Name of a symbol's capture; it says that it is synthetic."""
        return f"synthetic_{symbol.lower()}_seed{self.settings.seed}.{'gz' if packed else 'txt'}"

    def lines(self, symbol: str) -> list[str]:
        """A symbol's capture as raw lines, its header first, without line ends."""
        header = (
            f"# aurora synthetic market v{VERSION} seed={self.settings.seed} symbol={symbol}"
            f" duration_s={self.settings.duration_s:g}"
        )
        messages, spec = self.messages[symbol], self.settings.symbol(symbol).spec
        lines = [header]
        for first in range(0, len(messages), _CHUNK):
            lines += capture_lines(messages, spec, slice(first, first + _CHUNK))
        return lines

    def write(
        self,
        directory: str | Path,
        *,
        packed: bool = True,
        progress: Callable[[float], None] | None = None,
    ) -> dict[str, Path]:
        """Writes captures and the truth file; answers with the captures' paths by symbol.

        ``synthetic_<symbol>_seed<seed>.gz`` (or ``.txt`` unless ``packed``), ``synthetic_truth_seed<seed>.json`` and,
        with funding, ``synthetic_funding_seed<seed>.json`` (rows as the venue's ``/fapi/v1/fundingRate`` gives them).
        Files of the same names are replaced. `progress` is called with the finished share.

        Raises:
            OSError: a file cannot be written.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        paths: dict[str, Path] = {}
        for number, own in enumerate(self.settings.symbols):
            text = "\n".join([*self.lines(own.symbol), ""]).encode("ascii")
            path = directory / self.file_name(own.symbol, packed=packed)
            path.write_bytes(_compress(text) if packed else text)
            paths[own.symbol] = path
            if progress is not None:
                progress((number + 1) / len(self.settings.symbols))
        truth = {**self.truth, "files": {symbol: path.name for symbol, path in paths.items()}}
        self._write_json(directory / f"synthetic_truth_seed{self.settings.seed}.json", truth)
        if self.funding:
            rows = [
                {"symbol": row.symbol, "fundingRate": f"{row.rate:.8f}", "fundingTime": row.time_ms}
                for row in self.funding
            ]
            self._write_json(directory / f"synthetic_funding_seed{self.settings.seed}.json", rows)
        return paths

    @staticmethod
    def _write_json(path: Path, content: Any) -> None:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _compress(content: bytes) -> bytes:
    buffer = io.BytesIO()
    # No name and no time in the header: the bytes depend on the content alone.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=4, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()
