"""`aurora data export` as its users meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from command_line import Answer

Aurora = Callable[..., Answer]


def test_a_capture_is_exported_and_read_back(market: dict[str, Path], aurora: Aurora) -> None:
    path = market["BTCUSDT"]
    told = aurora("data", "export", path, "--to", "hftbacktest", "--out", "btcusdt_1.npz", "--json").done()
    assert told.err == ""
    assert told.json["path"] == "btcusdt_1.npz"
    assert told.json["instrument"] == "binance_usdm:BTCUSDT"
    assert told.json["fault"] is None
    assert len(np.load("btcusdt_1.npz")["data"]) == told.json["rows"]
    before = aurora("data", "info", path, "--json").done().json["symbols"]["binance_usdm:BTCUSDT"]
    after = aurora("data", "info", "btcusdt_1.npz", "--json").done().json["symbols"]["hftbacktest:BTCUSDT"]
    assert (after["digest"], after["grade"]) == (before["digest"], "A")
    assert after["trades"] == told.json["trades"] == before["trades"]


def test_as_a_table(market: dict[str, Path], aurora: Aurora) -> None:
    answer = aurora("data", "export", market["ETHUSDT"], "--to", "hftbacktest", "--out", "ethusdt.npz").done()
    for word in ("exported to hftbacktest", "ethusdt.npz", "binance_usdm:ETHUSDT", "tick and lot size"):
        assert word in answer.out


def test_refusals_and_their_exit_codes(market: dict[str, Path], aurora: Aurora, tmp_path: Path) -> None:
    path = market["BTCUSDT"]
    aurora("data", "export", path, "--to", "hftbacktest", "--out", "x.csv").refused(2)
    aurora("data", "export", path, "--to", "parquet", "--out", "x.npz").refused(2)
    aurora("data", "export", *market.values(), "--to", "hftbacktest", "--out", "x.npz").refused(2)
    aurora("data", "export", path, "--to", "hftbacktest", "--out", "no/x.npz").refused(1)
    aurora("data", "export", "nowhere.gz", "--to", "hftbacktest", "--out", "x.npz").refused(3)
    assert not Path("x.npz").exists()
    broken = tmp_path / "broken.gz"
    broken.write_bytes(path.read_bytes()[:-5000])
    answer = aurora("data", "export", broken, "--to", "hftbacktest", "--out", "x.npz", "--json").refused(3)
    assert "what came before is in x.npz" in answer.err
    assert len(np.load("x.npz")["data"]) == answer.json["rows"]
