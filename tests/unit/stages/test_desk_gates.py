"""Signals that the desk refuses before they meet the account end in the gate's own reason."""

from dataclasses import replace

import pytest

from aurora.capture import CaptureSet
from aurora.messages import Signal
from aurora.risk import Policy
from aurora.stages import DeskSettings, DeskStage
from aurora.stages.desk import GateSettings
from aurora.tca import CostSettings
from aurora.testing import SyntheticSettings, generate

KEY = "binance_usdm:ETHUSDT"
SIGNAL = Signal(
    trace=1,
    instrument=KEY,
    local_ns=1,
    engine="lead_lag",
    side=1,
    score=1.0,
    p=0.9,
    consensus=0.8,
    gross_edge_bps=5.0,
    horizon_ns=10**8,
    feature_hash=0,
    bid=254_983,
    ask=254_984,
    bid_size=1,
    ask_size=1,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> DeskStage:
    market = generate(SyntheticSettings(seed=1, duration_s=5.0), tmp_path_factory.mktemp("market"))
    instruments = CaptureSet([market.paths["ETHUSDT"]]).instruments
    return DeskStage(instruments, DeskSettings(), Policy(), CostSettings(), GateSettings())


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (replace(SIGNAL, p=None), "deny.no_calibration"),
        (replace(SIGNAL, p=0.54), "deny.low_confidence"),
        (replace(SIGNAL, bid=250_000, ask=260_000, gross_edge_bps=9000.0), "deny.wide_spread"),
        (SIGNAL, "deny.net_edge"),
    ],
)
def test_each_gate_has_its_reason(desk: DeskStage, signal: Signal, reason: str) -> None:
    assert desk._decide(signal).reason == reason


@pytest.mark.parametrize("regime", ["panic", "illiquid"])
def test_a_regime_that_allows_no_entry_is_told_as_such(desk: DeskStage, regime: str) -> None:
    """The size is nothing for the regime alone: in another one the same signal gets as far as another reason."""
    good = replace(SIGNAL, gross_edge_bps=60.0, p_outcomes=500.0, depth=10**9)
    refused = desk._decide(replace(good, regime=regime))
    assert refused.reason == "deny.regime"
    assert refused.scalers["regime"] == 0
    assert desk._decide(replace(good, regime="trend")).reason != "deny.regime"
