"""Maker-first rules and conduct: what the settings say, what the core is told, and that each refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from aurora import AuroraError
from aurora._core import DeskCore
from aurora.capture import CaptureSet, CaptureSettings
from aurora.config import load_settings
from aurora.errors import ConfigError
from aurora.features import FeatureSettings
from aurora.risk import Policy
from aurora.stages import ConductSettings, DeskSettings, DeskStage, MakerFirstSettings, MarketStage
from aurora.stages.desk import GateSettings
from aurora.tca import CostSettings
from aurora.testing import SyntheticSettings, generate

SECOND = 10**9
HOUR = 3_600 * SECOND
MUCH = 10**18
LOTS = 100
OFF = ConductSettings().rules()
MakeDesk = Callable[[Mapping[str, Any]], tuple[DeskCore, int, int]]


@pytest.fixture(scope="module")
def make_desk(tmp_path_factory: pytest.TempPathFactory) -> MakeDesk:
    """A desk of ETHUSDT with its market added, a time in it, and the bid of that time in quanta."""
    market = generate(SyntheticSettings(seed=1, duration_s=10.0), tmp_path_factory.mktemp("market"))
    captures = CaptureSet([market.paths["ETHUSDT"]], CaptureSettings(slice_ms=0))
    ((key, instrument),) = captures.instruments.items()
    stage = MarketStage(instrument, FeatureSettings())
    reader = captures.open(captures.streams[0])
    messages = []
    while (read := reader.next()) is not None:
        messages += stage.process([message for message in read if message.instrument == key])
    first = next(m.block.first_event_ns for m in messages if m.block.first_event_ns is not None)

    def make(settings: Mapping[str, Any]) -> tuple[DeskCore, int, int]:
        desk = DeskCore(
            [instrument],
            start_cash=MUCH,
            order_latency_ns=10**6,
            response_latency_ns=10**6,
            maker_fee_e8=20_000,
            taker_fee_e8=50_000,
            entry_ttl_ns=SECOND,
            latency_budget_ns=SECOND,
            max_symbol_notional=MUCH,
            max_gross_notional=MUCH,
            max_day_loss=MUCH,
            **settings,
        )
        for message in messages:
            desk.add(0, message.block, message.features)
        now = first + 2 * SECOND
        desk.advance(now)
        ((_, twice_mid, _, _),) = desk.account()["instruments"]
        assert twice_mid is not None
        return desk, now, twice_mid // 2

    return make


def propose(desk: DeskCore, now: int, bid: int, **more: Any) -> str:
    asked: dict[str, Any] = {
        "trace": 1,
        "instrument": 0,
        "local_ns": now,
        "side": 1,
        "size": LOTS,
        "route": "taker",
        "bid": bid,
        "ask": bid + 1,
        "stop_distance": bid // 20,
        "deadline_ns": now + 5 * SECOND,
        "limit": bid // 100,
    }
    reason, *_ = desk.propose(**{**asked, **more})
    return reason


FEW = {"entries": 0, "least_notional": 0}
DEAR = {"entries": 9, "least_notional": 10**9}


@pytest.mark.parametrize(
    ("conduct", "more", "reason"),
    [
        ({}, {"volatility": 1, "depth": 0}, "trade.taker"),
        ({"protection_sigma": 2}, {"volatility": 1}, "deny.price_protection"),
        ({"protection_sigma": 2}, {}, "trade.taker"),
        ({"depth_share_pct": 50}, {"depth": 2 * LOTS - 1}, "deny.depth"),
        ({"depth_share_pct": 50}, {"depth": 2 * LOTS}, "trade.taker"),
        ({"window": {"priority": FEW, "off_peak": FEW}}, {}, "deny.trading_window"),
        ({"window": {"priority": DEAR, "off_peak": DEAR}}, {}, "deny.trading_window"),
        ({"budgets": {"orders_10s": 2, "reserve_pct": 49}}, {}, "deny.budget"),
        ({"budgets": {}, "silence": {}, "backoff": {}, "clock_skew_ms": 500}, {}, "trade.taker"),
    ],
)
def test_each_setting_reaches_the_core(
    make_desk: MakeDesk, conduct: dict[str, Any], more: dict[str, int], reason: str
) -> None:
    settings = ConductSettings.model_validate(conduct)
    desk, now, bid = make_desk({"conduct": settings.rules()})
    assert propose(desk, now, bid, **more) == reason


def test_leverage_asks_for_margin(make_desk: MakeDesk) -> None:
    dear = {"size": 10**12, "limit": 0}
    desk, now, bid = make_desk({"leverage": 1})
    assert propose(desk, now, bid, **dear) in ("deny.margin", "deny.symbol_exposure")
    desk, now, bid = make_desk({"leverage": 1})
    assert propose(desk, now, bid) == "trade.taker"


def test_breakers_close_entries_or_taking(make_desk: MakeDesk) -> None:
    desk, now, bid = make_desk({})
    desk.restrict(0, taking="deny.safe_mode")
    assert propose(desk, now, bid) == "deny.safe_mode"
    desk.restrict(0, entering="deny.volatility_halt", taking="deny.safe_mode")
    assert propose(desk, now, bid, trace=2, route="maker") == "deny.volatility_halt"
    desk.restore(desk.snapshot())
    assert propose(desk, now, bid, trace=3) == "deny.volatility_halt"
    desk.restrict(0)
    assert propose(desk, now, bid, trace=4) == "trade.taker"
    for wrong in ("deny.nothing", "trade.maker"):
        with pytest.raises(AuroraError, match="no reason to refuse"):
            desk.restrict(0, entering=wrong)


def test_defaults_are_those_of_the_specification() -> None:
    assert DeskSettings().maker_first == MakerFirstSettings()
    assert MakerFirstSettings().rules() == (2, 30_000, 60 * SECOND, 4_000)
    assert set(OFF.values()) == {None}
    full = ConductSettings.model_validate(
        {
            "protection_sigma": 2,
            "depth_share_pct": 100,
            "clock_skew_ms": 500,
            "silence": {},
            "backoff": {},
            "window": {},
            "budgets": {},
        }
    )
    assert full.rules() == {
        "protection_e4": 20_000,
        "depth_share_e4": 10_000,
        "clock_skew_ns": SECOND // 2,
        "silence": (2, 30 * SECOND),
        "backoff": (SECOND // 4, 2 * SECOND, 2_000, 5),
        "window": (10 * HOUR, 16 * HOUR, (6, 25 * 10**8), (2, 50 * 10**8)),
        "budgets": [
            (2_400, 60 * SECOND, 480),
            (300, 10 * SECOND, 60),
            (1_200, 60 * SECOND, 240),
        ],
    }


def test_a_low_fill_that_no_entry_lives_to_see_is_refused() -> None:
    late = MakerFirstSettings(low_fill_ms=1_000)
    with pytest.raises(ValidationError, match="never reached"):
        DeskSettings(maker_first=late)
    assert DeskSettings(maker_first=late, entry_ttl_ms=1_001).maker_first == late
    assert DeskSettings(maker_first=None).maker_first is None


@pytest.mark.parametrize(
    "conduct",
    [
        {"backoff": {"first_ms": 500, "largest_ms": 250}},
        {"budgets": {"reserve_pct": 50}},
        {"budgets": {"orders_10s": 1}},
        {"protection_sigma": 0},
        {"depth_share_pct": 101},
        {"window": {"from_hour": 24}},
        {"window": {"priority": {"entries": -1, "least_notional": 1}}},
        {"nothing": 1},
    ],
)
def test_what_makes_no_sense_is_refused(conduct: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ConductSettings.model_validate(conduct)


def test_a_config_file_names_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    window = {"off_peak": {"entries": 1, "least_notional": "12.5"}}
    desk = {"maker_first": {"drift_bps": 1.5}, "leverage": 3, "conduct": {"window": window}}
    path.write_text(yaml.safe_dump({"desk": desk}))
    settings = load_settings(path).desk
    assert settings.maker_first is not None
    assert settings.conduct.window is not None
    assert settings.maker_first.rules() == (2, 15_000, 60 * SECOND, 4_000)
    assert settings.conduct.window.off_peak.least_notional == Decimal("12.5")
    assert settings.conduct.rules()["window"][3] == (1, 1_250_000_000)
    assert settings.leverage == 3
    again = DeskSettings.model_validate(settings.model_dump(mode="json"))
    assert again == settings
    path.write_text(yaml.safe_dump({"desk": {"conduct": {"clock_skew_ms": -1}}}))
    with pytest.raises(ConfigError, match="clock_skew_ms"):
        load_settings(path)


def test_the_desk_tells_the_core_what_breakers_leave(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = generate(SyntheticSettings(seed=1, duration_s=5.0), tmp_path_factory.mktemp("market"))
    instruments = CaptureSet([market.paths["ETHUSDT"]]).instruments
    stage = DeskStage(instruments, DeskSettings(), Policy(), CostSettings(), GateSettings())
    told: list[tuple[Any, ...]] = []

    class Core:
        def advance(self, until_ns: int) -> None:
            told.append((until_ns,))

        def restrict(self, index: int, *, entering: str | None, taking: str | None) -> None:
            told.append((index, entering, taking))

    core = stage._core
    monkeypatch.setattr(stage, "_core", Core())
    breakers = stage._risk.breakers
    stage._restrict(5, breakers.posture())
    assert told == [], "nothing new"
    breakers.command(6, "safe")
    stage._restrict(7, breakers.posture())
    stage._restrict(8, breakers.posture())
    assert told == [(7,), (0, None, "deny.safe_mode")]
    monkeypatch.setattr(stage, "_core", core)
    again = DeskStage(instruments, DeskSettings(), Policy(), CostSettings(), GateSettings())
    again.restore(stage.snapshot())
    assert again._restricted == [(None, "deny.safe_mode")]


def test_a_deviation_grows_with_the_root_of_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    market = generate(SyntheticSettings(seed=1, duration_s=5.0), tmp_path_factory.mktemp("market"))
    instruments = CaptureSet([market.paths["ETHUSDT"]]).instruments
    risk = DeskStage(instruments, DeskSettings(), Policy(), CostSettings(), GateSettings())._risk
    (key,) = instruments
    assert risk.deviation(key, 10_000, SECOND) is None
    for mid in (100.0, 101.0):
        risk._volatility[key].observe(mid, 1.0)
    # One return of 1 % in a second: 2 % in four, rounded up to whole quanta.
    assert risk.deviation(key, 10_000, SECOND) in (100, 101)
    assert risk.deviation(key, 10_000, 4 * SECOND) in (200, 201)
    assert risk.deviation(key, 10_000, 0) == 0


@pytest.mark.parametrize(
    ("equity_ms", "fits"),
    [
        (1, True),
        (1_000, True),
        (60_000, True),
        (120_000, True),
        (7_000, False),
        (45_000, False),
        (90_000, False),
    ],
)
def test_marks_meet_whole_minutes(equity_ms: int, fits: bool) -> None:
    """Volatility and correlation are looked at on those."""
    if fits:
        assert DeskSettings(equity_ms=equity_ms).equity_ms == equity_ms
    else:
        with pytest.raises(ValidationError, match=f"{equity_ms} ms neither divide a minute nor"):
            DeskSettings(equity_ms=equity_ms)
