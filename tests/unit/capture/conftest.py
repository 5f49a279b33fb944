"""Makes `tests/helpers` importable; a small market, and a catalogue of it in many parts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "helpers"))

from stored_captures import BLOCK_MESSAGES, PART_ROWS

from aurora.capture import Catalogue
from aurora.capture.catalogue import conversion
from aurora.testing import SyntheticSettings, generate


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Captures of a synthetic market; they cross midnight."""
    folder = tmp_path_factory.mktemp("market")
    return list(generate(SyntheticSettings(seed=3, duration_s=25.0), folder).paths.values())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many parts of one small capture."""
    monkeypatch.setattr(conversion, "PART_ROWS", PART_ROWS)
    monkeypatch.setattr(conversion, "BLOCK_MESSAGES", BLOCK_MESSAGES)


@pytest.fixture(scope="session")
def stored(market: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """A catalogue that no test changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "PART_ROWS", PART_ROWS)
        patch.setattr(conversion, "BLOCK_MESSAGES", BLOCK_MESSAGES)
        catalogue = Catalogue(tmp_path_factory.mktemp("stored") / "catalogue")
        catalogue.convert(market)
    assert catalogue.list()["parts"].max() > 5
    return catalogue
