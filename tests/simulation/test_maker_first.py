"""Entries that rest, in replays: what follows them, and that `entry: maker` never takes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from replays import ROUGH, Run, market, replay


@pytest.fixture(scope="module")
def maker_first_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("maker_first")
    config = folder / "config.yaml"
    config.write_text(ROUGH.replace("entry: maker", "entry: maker_first"))
    return replay(market(folder / "captures", 5, 120.0).paths.values(), folder / "out", config)


def entries(run: Run) -> pl.DataFrame:
    placed = (pl.col("event") == "placed") & (pl.col("leg") == "entry")
    return run.table("orders").filter(placed)


def test_a_maker_never_takes(rough_run: Run) -> None:
    assert set(entries(rough_run)["order_type"]) == {"limit_post_only"}
    own = rough_run.table("fills").filter(pl.col("leg") == "entry")
    assert set(own["liquidity"]) == {"maker"}


def test_what_a_maker_leaves_is_taken_once_where_it_clears(maker_first_run: Run) -> None:
    placed = entries(maker_first_run)
    taking = placed.filter(pl.col("order_type") == "limit_ioc")
    assert len(taking) > 5
    assert taking["trace"].is_unique().all(), "taken twice"
    decided = maker_first_run.table("decisions").select("trace", "bid", "ask", "gross_edge_bps", "route")
    for row in taking.join(decided, on="trace", how="left").to_dicts():
        assert row["route"] == "maker"
        # By hand, of the settings above: no spread is charged, two taker fees, and at least -20 bps must be left.
        bid, ask, limit = float(row["bid"]), float(row["ask"]), float(row["price"])
        far = ask if row["side"] > 0 else bid
        paid = row["side"] * (limit - far) / ((bid + ask) / 2) * 1e4
        assert row["gross_edge_bps"] - 2 * 4.3 - paid >= -20 - 1e-6
    entered = maker_first_run.table("fills").filter(pl.col("leg") == "entry")
    assert set(entered["liquidity"]) == {"maker", "taker"}
    taken = entered.filter(pl.col("liquidity") == "taker")
    assert set(taken["client_id"]) <= set(taking["client_id"])


def test_it_runs_the_same_twice(maker_first_run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(ROUGH.replace("entry: maker", "entry: maker_first"))
    again = replay(market(tmp_path / "captures", 5, 120.0).paths.values(), tmp_path / "out", config)
    assert again.digests == maker_first_run.digests
