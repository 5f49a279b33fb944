"""Small catalogues of many parts, and everything in them as plain values."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from aurora._core import MarketBlock
from aurora.capture.catalogue import layout

PART_ROWS = 300
BLOCK_MESSAGES = 40


def lines_of(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).splitlines(keepends=True)


def rows(blocks: Iterator[MarketBlock]) -> list[dict[str, Any]]:
    return [row for block in blocks for row in pl.DataFrame(block).to_dicts()]


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a catalogue: content and time of change."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != layout.LOCK
    }


def contents(root: Path) -> dict[str, bytes]:
    return {name: content for name, (content, _) in tree(root).items()}
