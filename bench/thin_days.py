"""Thin synthetic days with jumps, traded by loose engines; a checker that knows fills and prices alone finds no breach.

    python -m bench.thin_days --days 100

Engines vote without proof of skill, so that the policy has something to keep. What is asked of the fills: position,
symbol, gross and net exposure at every entry, turnover and loss of every UTC day, entries behind a loss that ended the
day, and a stop's worth of loss at most per trade beyond what the market jumped. Nothing is read but fills, marks and
the policy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from aurora.config import Settings, engine_factories
from aurora.journal import Journal
from aurora.stages import ReplayPlan, run_inline
from aurora.testing import MarketSettings, SymbolSettings, make_market
from aurora.testing.market.plants import Impulses, Jumps
from aurora.testing.market.rates import THIN

DAY_NS = 86_400 * 10**9
DAYS_A_RUN = 2.0
SLACK = Decimal("1.02")
"""Sizes are by the touch of the decision; the fill may lie a slippage cap away, the mark a little further."""
LOSS_SLACK = Decimal("0.6")
"""Per cent of equity that a jump may take beyond the day's limit: what is open when it comes, and the way out."""
NAMES = ("SOLUSDT", "BTCUSDT", "ETHUSDT", "DOGEUSDT")


def settings() -> Settings:
    return Settings.model_validate(
        {
            "capture": {"slice_ms": 600_000},
            "features": {"sample_ms": 5_000},
            "engines": {
                "lead_lag": None,
                "quick_reversion": {"entry": 0.5, "horizon_minutes": 30},
                "intraday_momentum": {"entry": 0.3, "horizon_minutes": 30},
                "relative_strength": {"entry": 0.5, "horizon_minutes": 60},
            },
            "signal": {
                "require_calibration": False,
                "require_consensus": False,
                "require_approval": False,
                "min_p": 0,
            },
            "costs": {"min_net_edge_bps": -100, "min_benefit_cost": 0, "entry": "taker"},
            "desk": {"equity_ms": 60_000},
            # Nothing shrinks a size for the regime, so that limits are met.
            "policy": {
                "preset": "aggressive",
                "scalers": {"regime_neutral": 1, "regime_range": 1},
                "limits": {"turnover_day_pct": 400},
            },
        }
    )


def plan(seed: int, days: float, told: Settings, out: Path, **more: Any) -> ReplayPlan:
    """So many days of a market whose jumps are large."""
    market = make_market(
        MarketSettings(
            seed=seed,
            duration_s=days * 86_400.0,
            rates=THIN,
            symbols=tuple(
                SymbolSettings(
                    symbol=name,
                    noise_bps=3.0,
                    activity=0.2,
                    jumps=Jumps(every_s=1_800.0, scale_bps=40.0, tail_index=1, largest_bps=1_500.0),
                    impulses=Impulses(every_s=600.0),
                )
                for name in NAMES
            ),
        )
    )
    return ReplayPlan(
        market.source(told.capture),
        features=told.features,
        engines=engine_factories(told.engines),
        signal=told.signal,
        costs=told.costs,
        policy=told.policy,
        desk=told.desk,
        regime=told.regime,
        seed=seed,
        out=out,
        run={"run_id": f"thin-{seed}"},
        overwrite=True,
        **more,
    )


def run(seed: int, days: float, told: Settings, out: Path) -> Journal:
    run_inline(plan(seed, days, told, out))
    return Journal.open(out)


def check(
    fills: pl.DataFrame, marks: pl.DataFrame, policy: dict[str, Any], cash: Decimal
) -> tuple[list[str], Counter[str]]:
    """Breaches of the policy, and how often each limit was within reach, from fills and marks alone.

    Args:
        fills: of the journal, in order.
        marks: ``local_ns`` and ``mids`` of the equity table.
        policy: percentages by name.
    """
    position: dict[str, Decimal] = defaultdict(Decimal)
    price: dict[str, Decimal] = {}
    wallet = cash
    day, day_start, traded, ended = -1, cash, Decimal(0), False
    breaches: list[str] = []
    close: Counter[str] = Counter()
    rows = [(row["local_ns"], 1, row) for row in fills.iter_rows(named=True)]
    rows += [(row["local_ns"], 0, row) for row in marks.iter_rows(named=True)]
    rows.sort(key=lambda row: row[:2])

    def equity() -> Decimal:
        return wallet + sum((size * price.get(key, Decimal(0)) for key, size in position.items()), Decimal(0))

    def limit(name: str, value: Decimal, percent: Any, of: Decimal, where: str) -> None:
        most = Decimal(str(percent)) / 100 * of
        if value > most * SLACK:
            breaches.append(f"{where}: {name} {value:.2f} above {most:.2f}")
        elif value > most * Decimal("0.8"):
            close[name] += 1

    for at_ns, _, row in rows:
        if at_ns // DAY_NS != day:
            day, day_start, traded, ended = at_ns // DAY_NS, equity(), Decimal(0), False
        if "mids" in row:
            price |= {pair["instrument"]: Decimal(repr(pair["mid"])) for pair in row["mids"]}
            lost = (day_start - equity()) / day_start * 100
            if lost >= Decimal(str(policy["day_loss"])):
                close["day_loss"] += not ended
                ended = True
            if lost > Decimal(str(policy["day_loss"])) + LOSS_SLACK:
                close["jumped past the day's loss"] += 1
            continue
        key, size = row["instrument"], Decimal(row["size"]) * row["side"]
        paid = Decimal(row["price"]) * abs(size)
        where = f"{at_ns} {key}"
        held = equity()
        position[key] += size
        wallet -= Decimal(row["price"]) * size + Decimal(row["fee"])
        price[key] = Decimal(row["price"])
        traded += paid
        if row["leg"] != "entry":
            continue
        if ended:
            breaches.append(f"{where}: an entry after the day's loss limit")
        notional = {one: abs(amount) * price[one] for one, amount in position.items() if amount}
        net = sum((amount * price[one] for one, amount in position.items() if amount), Decimal(0))
        limit("position", notional.get(key, Decimal(0)), policy["position"], held, where)
        limit("gross", sum(notional.values(), Decimal(0)), policy["gross"], held, where)
        # A position that ends may leave the rest beyond the net limit; an entry that leads back breaches nothing.
        if row["side"] > 0:
            limit("net long", net, policy["net_max"], held, where)
        else:
            limit("net short", -net, -Decimal(str(policy["net_min"])), held, where)
        limit("turnover", traded / 2, policy["turnover"], day_start, where)
    return breaches, close


def limits_of(told: Settings) -> dict[str, Any]:
    policy = told.policy
    return {
        "position": policy.position_pct,
        "gross": policy.gross_limit_pct,
        "net_min": policy.limits.net_min_pct,
        "net_max": policy.limits.net_max_pct,
        "turnover": policy.limits.turnover_day_pct,
        "day_loss": policy.day_loss_limit_pct,
    }


def score(
    days: float, first_seed: int = 1, progress: Any = None, days_a_run: float = DAYS_A_RUN
) -> dict[str, Any]:
    """Trades so many days, some at a time, and checks them."""
    told = settings()
    breaches: list[str] = []
    close: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    fills, trips, done, seed = 0, 0, 0.0, first_seed - 1
    while done < days:
        seed += 1
        with tempfile.TemporaryDirectory(prefix="aurora-thin-") as folder:
            journal = run(seed, days_a_run, told, Path(folder))
            taken = journal.fills().collect()
            found, near = check(
                taken,
                journal.equity().select("local_ns", "mids").collect(),
                limits_of(told),
                told.desk.start_cash,
            )
            breaches += [f"seed {seed}: {one}" for one in found]
            close += near
            assert journal.summary is not None
            reasons.update(journal.summary["reasons"])
            trips += journal.summary["breakers"]["trips"]
            fills += len(taken)
        done += days_a_run
        if progress is not None:
            progress(done)
    return {
        "days": done,
        "fills": fills,
        "breaker_trips": trips,
        "breaches": breaches,
        "within_reach": dict(close),
        "reasons": dict(reasons),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.thin_days", description=__doc__)
    parser.add_argument("--days", type=int, default=100)
    given = parser.parse_args()
    found = score(given.days, progress=lambda done: print(f"{done}/{given.days} days", file=sys.stderr))
    print(json.dumps(found, indent=2))
    return 1 if found["breaches"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
