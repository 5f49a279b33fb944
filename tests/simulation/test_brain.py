"""The wired brain over hours: all engines, regimes, breakers; no cut and no restart can be told from its records."""

from __future__ import annotations

import hashlib
import json
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from replays import ROOT

from aurora.capture import CaptureSettings
from aurora.config import Settings, engine_factories
from aurora.engines import BUILT_IN
from aurora.journal import Journal
from aurora.stages import ReplayPlan, run_inline
from aurora.testing import LinkPlant, MarketSettings, SymbolSettings, make_market
from aurora.testing.market.plants import Impulses, Jumps
from aurora.testing.market.rates import LIGHT, THIN

sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from reference_sizing import recompute

HOUR_NS = 3_600 * 10**9
NAMES = ("SOLUSDT", "BTCUSDT", "ETHUSDT")
INTRADAY = {"min_edge_bps": 0.05, "significance": 0.5, "require_stable_peak": False, "min_beta_t": 0.0}


@pytest.fixture(scope="module")
def hours() -> Any:
    """Three hours of a thin market before and after midnight, with a link and jumps."""
    return make_market(
        MarketSettings(
            seed=3,
            duration_s=3 * 3_600.0,
            start_ms=1_735_689_600_000 - 2 * 3_600_000,
            rates=THIN,
            symbols=tuple(
                SymbolSettings(
                    symbol=name, noise_bps=3.0, jumps=Jumps(every_s=900.0), impulses=Impulses(every_s=60.0)
                )
                for name in NAMES
            ),
        )
    )


def settings_of(folder: Path) -> Settings:
    funding = folder / "funding.parquet"
    start = 1_735_689_600 * 10**9 - 10 * HOUR_NS
    keys = [f"binance_usdm:{name}" for name in NAMES]
    pl.DataFrame(
        {
            "instrument": [key for key in keys for _ in range(12)],
            "known_ns": [start + n * HOUR_NS for _ in keys for n in range(12)],
            "rate": [0.001 * (1 if key < "binance_usdm:C" else -1) for key in keys for _ in range(12)],
            "interval_hours": [8.0] * 12 * len(keys),
        }
    ).write_parquet(funding)
    return Settings.model_validate(
        {
            "capture": {"slice_ms": 1000},
            "features": {"sample_ms": 1000},
            "engines": {
                **{
                    name: {"entry": 0.1}
                    for name in BUILT_IN
                    if name not in ("lead_lag", "opening_range_breakout")
                },
                "opening_range_breakout": {},
                "lead_lag": {**INTRADAY, "lag_step_ms": 500, "max_lag_ms": 5000, "refit_s": 60},
            },
            "series": {"funding": str(funding)},
            "signal": {
                "require_calibration": False,
                "require_consensus": False,
                "min_p": 0,
                "min_outcomes": 5,
                "refit_s": 30,
                "consensus": {"warm_up": 5},
            },
            "costs": {"min_net_edge_bps": -50, "min_benefit_cost": 0, "entry": "taker"},
            "desk": {"equity_ms": 10_000, "holding_horizons": 0.05},
            "policy": {"limits": {"turnover_day_pct": 2000}},
        }
    )


def plan_of(market: Any, settings: Settings, out: Path, slice_ms: int) -> ReplayPlan:
    capture = CaptureSettings(**{**settings.capture.model_dump(), "slice_ms": slice_ms})
    return ReplayPlan(
        market.source(capture),
        features=settings.features,
        engines=engine_factories(settings.engines),
        signal=settings.signal,
        costs=settings.costs,
        policy=settings.policy,
        desk=settings.desk,
        regime=settings.regime,
        series=settings.series,
        seed=1,
        out=out,
        run={"run_id": "brain"},
        overwrite=True,
    )


@pytest.fixture(scope="module")
def run(hours: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Journal]:
    folder = tmp_path_factory.mktemp("brain")
    settings = settings_of(folder)
    run_inline(plan_of(hours, settings, folder / "out", 60_000))
    return settings, Journal.open(folder / "out")


def digests(journal: Journal) -> tuple[Any, ...]:
    summary = journal.summary
    assert summary is not None
    equity = hashlib.sha256(journal.equity().collect().drop("sequence").write_json().encode()).hexdigest()
    return (
        summary["decisions_digest"],
        summary["fills_digest"],
        equity,
        summary["breakers"],
        summary["abstained"],
    )


def test_many_engines_vote_and_what_is_missing_is_said(run: tuple[Settings, Journal]) -> None:
    _, journal = run
    summary = journal.summary
    assert summary is not None
    voices = journal.decisions().select(pl.col("voices").explode()).collect().unnest("voices")
    voted = set(voices["engine"].unique())
    assert {"intraday_momentum", "quick_reversion", "vwap_reversion", "relative_strength"} <= voted
    missing = set(summary["abstained"])
    assert {"no_listing", "no_volatility_index"} & missing
    assert {"no_basis", "no_daily", "daily_not_known_yet", "no_new_daily"} & missing
    assert summary["fills"] > 0
    assert "breakers" in summary
    multi = voices.height - summary["signals"]
    assert multi > 0, "some instants have several votes"


@pytest.mark.parametrize("slice_ms", [1_000, 937_000, 0])
def test_no_cut_changes_a_record(
    run: tuple[Settings, Journal], hours: Any, tmp_path: Path, slice_ms: int
) -> None:
    settings, journal = run
    run_inline(plan_of(hours, settings, tmp_path / "out", slice_ms))
    assert digests(Journal.open(tmp_path / "out")) == digests(journal)


def test_a_restart_after_every_slice_changes_no_record(
    run: tuple[Settings, Journal], hours: Any, tmp_path: Path
) -> None:
    settings, journal = run
    plan = plan_of(hours, settings, tmp_path / "out", 600_000)
    make = plan.stage

    class Reborn:
        """A stage that is made anew from its bytes before each message."""

        def __init__(self, step: str, key: str) -> None:
            self._step, self._key = step, key
            self._inner = make(step, key)

        def process(self, messages: list[Any]) -> list[Any]:
            state = self._inner.snapshot()
            self._inner = make(self._step, self._key)
            self._inner.restore(state)
            assert self._inner.snapshot() == state
            return self._inner.process(messages)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    plan.stage = Reborn  # type: ignore[method-assign]
    run_inline(plan)
    assert digests(Journal.open(tmp_path / "out")) == digests(journal)


def sized(journal: Journal) -> list[dict[str, Any]]:
    return list(journal.decisions().filter(pl.col("sizing").is_not_null()).collect().iter_rows(named=True))


def record_of(text: str) -> SimpleNamespace:
    """What a sizing text says, as the independent function wants it."""
    told = json.loads(text)

    def number(value: Any, kind: Any = Fraction) -> Any:
        return kind(value) if isinstance(value, str) else value

    inputs = {
        name: number(value) if name != "regime" else value
        for name, value in told.items()
        if name not in ("lots", "room", "kelly", "latency", "rules", "binding", "absent", "size")
    }
    for name in ("kelly", "latency"):
        part = told[name]
        inputs[name] = part and SimpleNamespace(**{key: number(value) for key, value in part.items()})
    rules = {
        name: value if name in ("volatility", "regime") else number(value, Decimal)
        for name, value in told["rules"].items()
    }
    rules["regime"] = {name: Decimal(value) for name, value in told["rules"]["regime"].items()}
    inputs |= {"lots": SimpleNamespace(**told["lots"]), "room": told["room"]}
    return SimpleNamespace(
        inputs=SimpleNamespace(**inputs), rules=SimpleNamespace(**rules), size=told["size"]
    )


def check_sizes(journal: Journal) -> list[dict[str, Any]]:
    rows = sized(journal)
    assert rows
    for row in rows:
        record = record_of(row["sizing"])
        again = recompute(record)
        assert again["size"] == record.size
        scale = record.inputs.lots.size_scale
        caps = {pair["name"]: int(Decimal(pair["size"]) * scale) for pair in row["caps"]}
        assert caps == {name: int(cap) for name, cap in again["caps"].items()}
        scalers = {pair["name"]: pair["value"] for pair in row["scalers"]}
        assert scalers.keys() == again["scalers"].keys()
        for name, value in scalers.items():
            assert value == pytest.approx(float(again["scalers"][name]), rel=1e-12), name
    return rows


def test_every_size_can_be_computed_from_its_record_alone(run: tuple[Settings, Journal]) -> None:
    rows = check_sizes(run[1])
    names = {pair["name"] for row in rows for pair in row["caps"]}
    assert {"risk", "open_risk", "symbol_budget", "tail_trade", "tail_portfolio", "turnover", "net"} <= names
    scalers: dict[str, set[float]] = {}
    for row in rows:
        for pair in row["scalers"]:
            scalers.setdefault(pair["name"], set()).add(pair["value"])
    assert {"regime", "liquidity", "drawdown", "breakers", "latency"} <= scalers.keys()
    assert scalers["regime"] != {1.0}
    assert any(value < 1 for value in scalers["drawdown"])
    assert any(value < 1 for value in scalers["liquidity"])


def test_a_sector_has_one_limit_for_all_of_it(
    run: tuple[Settings, Journal], hours: Any, tmp_path: Path
) -> None:
    settings, journal = run
    assert not any(pair["name"] == "sector" for row in sized(journal) for pair in row["caps"])
    share = 3
    limits = settings.policy.limits.model_copy(
        update={"sectors": {"all": tuple(NAMES)}, "sector_pct": Decimal(share)}
    )
    policy = settings.policy.model_copy(update={"limits": limits})
    told = settings.model_copy(update={"policy": policy})
    run_inline(plan_of(hours, told, tmp_path / "out", 60_000))
    sector = Journal.open(tmp_path / "out")
    rows = check_sizes(sector)
    assert all(any(pair["name"] == "sector" for pair in row["caps"]) for row in rows)
    assert any(json.loads(row["sizing"])["binding"] == "sector" for row in rows)

    def largest(of: Journal) -> float:
        """Largest notional of all together over equity; held positions move with prices."""
        shares = []
        for row in of.equity().collect().iter_rows(named=True):
            mids = {pair["instrument"]: float(pair["mid"]) for pair in row["mids"]}
            held = sum(
                abs(float(pair["size"])) * mids.get(pair["instrument"], 0.0) for pair in row["positions"]
            )
            shares.append(held / float(row["equity"]))
        return max(shares)

    assert largest(sector) <= share / 100 * 1.02 < largest(journal)


def test_a_linked_market_is_sized_with_kelly(tmp_path: Path) -> None:
    market = make_market(
        MarketSettings(
            seed=5,
            duration_s=240.0,
            rates=LIGHT,
            symbols=(
                SymbolSettings(symbol="SOLUSDT", noise_bps=1.0, impulses=Impulses(every_s=2.0)),
                SymbolSettings(symbol="ETHUSDT", noise_bps=0.7),
            ),
            links=(LinkPlant(leader="SOLUSDT", follower="ETHUSDT", lag_ms=300, strength=0.8),),
        )
    )
    settings = Settings.model_validate(
        {
            "policy": {"limits": {"turnover_day_pct": 100_000}},
            "signal": {
                "monitor_s": 10,
                "unproven_outcomes": 30,
                "monitor": {"reference": "even", "draws": 50},
            },
        }
    )
    run_inline(plan_of(market, settings, tmp_path / "out", 1000))
    journal = Journal.open(tmp_path / "out")
    rows = check_sizes(journal)
    kelly = [record_of(row["sizing"]).inputs.kelly for row in rows]
    assert any(one is not None and 0 < one.p < 1 for one in kelly)
    assert any(pair["name"] == "calibration" for row in rows for pair in row["scalers"])
    assert journal.summary is not None
    assert journal.summary["fills"] > 0
    assert journal.summary["pnl"]["net"] > 0
