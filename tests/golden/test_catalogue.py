"""The real captures through the catalogue: the books of the provenance sheet, and the events of the files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from aurora._core import MarketInspector
from aurora.capture import CaptureSet, Catalogue, capture_info
from aurora.stages import compute_features

FILES = {
    "binance_usdm:BTCUSDT": ("usdm/btcusdt_20240808.gz",),
    "binance_usdm:ETHUSDT": ("usdm/ethusdt_20240808.gz",),
    "binance_spot:BTCUSDT": ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"),
    "binance_spot:ETHUSDT": ("spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz"),
    "binance_coinm:BTCUSD_PERP": ("cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"),
}
DIGESTS = {
    "binance_usdm:BTCUSDT": "8866af8c22e6c2acc9f24d5a75344d1e796135849ed034ff5422d62e45e74907",
    "binance_usdm:ETHUSDT": "b794087e3a38f910dca0caddedeaf88c511dace9acb838e61be53c4ee85720bb",
    "binance_spot:BTCUSDT": "53d45baf0a841e02abe706cb64f0b87295e724816d3bb2e8a85650f9007a39cc",
    "binance_spot:ETHUSDT": "c86e75c1be5ba8131952337346ecaaa30c5eed27f0fed97c6ac7f2907f1a39ca",
    "binance_coinm:BTCUSD_PERP": "c6b4d74bd81a5698c59efb2a7702b955ecef104515aacb380f94a1513ef7194b",
}
MESSAGES = {
    "binance_usdm:BTCUSDT": 93954,
    "binance_usdm:ETHUSDT": 74655,
    "binance_spot:BTCUSDT": 99574,
    "binance_spot:ETHUSDT": 79744,
    "binance_coinm:BTCUSD_PERP": 98386,
}


@pytest.fixture(scope="module")
def files(captures: Path) -> list[Path]:
    return [captures / "hftbacktest" / name for names in FILES.values() for name in names]


@pytest.fixture(scope="module")
def catalogue(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    catalogue = Catalogue(tmp_path_factory.mktemp("golden") / "catalogue")
    answers = catalogue.convert(files)
    assert {answer.instrument: answer.rows for answer in answers} == MESSAGES
    assert {answer.status for answer in answers} == {"converted"}
    assert {answer.grade for answer in answers} == {"A"}
    return catalogue


@pytest.mark.parametrize("key", FILES)
def test_books_of_the_provenance_sheet(key: str, catalogue: Catalogue) -> None:
    inspector = MarketInspector(catalogue.instruments()[key])
    for block in catalogue.blocks(key):
        inspector.push(block)
    report = inspector.report()
    assert report["digest"] == DIGESTS[key]
    assert report["messages"] == MESSAGES[key]
    assert report["gaps"] == report["crossed"] == 0


@pytest.mark.parametrize("key", FILES)
def test_a_range_from_any_part_ends_with_the_same_book(key: str, catalogue: Catalogue) -> None:
    """The captures cross midnight, so a later part begins with a stored book."""
    listing = catalogue.list().filter(pl.col("instrument") == key)
    assert len(listing) == 2
    first, last = listing["first_ns"][0], listing["last_ns"][-1]
    for start in (listing["first_ns"][1], listing["first_ns"][1] + 1, (first + last) // 2, last):
        inspector = MarketInspector(catalogue.instruments()[key])
        for block in catalogue.blocks(key, start):
            inspector.push(block)
        report = inspector.report()
        assert report["digest"] == DIGESTS[key]
        assert report["state"] == "synced"
        assert report["gaps"] == 0


def test_info_says_the_same_of_catalogue_and_files(files: list[Path], catalogue: Catalogue) -> None:
    assert capture_info([catalogue.root]) == capture_info(files)


def test_verify_finds_nothing(catalogue: Catalogue) -> None:
    found = catalogue.verify()
    assert found.damages == found.leftovers == []
    assert found.rows == sum(MESSAGES.values())


def test_features_of_both_perpetuals_are_those_of_the_files(captures: Path, tmp_path: Path) -> None:
    paths = [captures / "hftbacktest" / name for key in list(FILES)[:2] for name in FILES[key]]
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(paths)
    expected, found = compute_features(paths), compute_features([catalogue.root])
    assert len(expected) > 13_000
    assert found.equals(expected, null_equal=True)
    # NaN and -0.0 included.
    assert found.write_ipc(None).getvalue() == expected.write_ipc(None).getvalue()
    assert CaptureSet([catalogue.root]).calibrated_ns == CaptureSet(paths).calibrated_ns
