"""``aurora demo``: a synthetic market with planted truth, traded, and found out or not."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from aurora._core import reason_codes
from aurora.cli.output import print_json, print_table, progress
from aurora.cli.replay import print_summary, refuse_unusable
from aurora.cli.run import ReplayOptions, run_replay
from aurora.config import Settings
from aurora.report import render_tearsheet
from aurora.testing import SyntheticSettings, generate

OVERRIDES: dict[str, Any] = {"policy": {"limits": {"turnover_day_pct": 1_000_000}}}
"""The policy's 50 % of equity a day are three round trips of a full position: the demo, whose trades last a second,
trades without that limit, as ``config/seconds.yaml`` says."""


def demo(
    seed: Annotated[int, typer.Option(help="Seed of the market")] = 7,
    out: Annotated[Path, typer.Option(help="Where captures, records and tearsheet go")] = Path("demo-out"),
    minutes: Annotated[float, typer.Option(min=2.0, help="Length of the market")] = 10.0,
    unlinked: Annotated[
        bool, typer.Option("--unlinked", help="The same market without its lead-lag links")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Generate a synthetic market, trade it, compare what was found with what was planted."""
    settings = SyntheticSettings(seed=seed, duration_s=minutes * 60, linked=not unlinked)
    captures = out / f"captures_synthetic_seed{seed}"
    with progress("generating a synthetic market") as tick:
        market = generate(settings, captures, lambda share: tick(share, 1.0))
    with progress("replaying it") as tick:
        paths = [str(path) for path in market.paths.values()]
        summary = run_replay(
            ReplayOptions(paths=paths, out=out / "run", seed=seed, overrides=OVERRIDES),
            lambda stream, n: tick(n, None, f"{n:,} slices of {stream}"),
        )
    tearsheet = render_tearsheet(out / "run", reason_docs=dict(reason_codes()))
    result = {
        "synthetic": True,
        "seed": seed,
        "linked": not unlinked,
        "sampling_step_ms": Settings().features.sample_ms,
        "leader": market.truth["leader"],
        **compare(market.truth, summary["findings"]["lead_lag"]["links"], Settings().features.sample_ms),
        "replay": summary,
        "truth_file": str(market.truth_path),
        "tearsheet": str(tearsheet),
    }
    target = Path("demo.json")
    target.write_text(json_module.dumps(result, indent=2) + "\n")
    if json:
        print_json(result)
    else:
        print_findings(result)
        typer.echo(
            "traded without the policy's limit on turnover, which is of strategies that hold for longer"
        )
        print_summary(summary)
        typer.echo(f"wrote {target} and {tearsheet}")
    refuse_unusable(summary)


def compare(truth: dict[str, Any], links: dict[str, Any], step_ms: int) -> dict[str, Any]:
    """Findings beside the truth, per follower and control."""
    found = {key.partition(":")[2]: link for key, link in links.items()}
    followers = {}
    for symbol, plant in truth["followers"].items():
        link = found.get(symbol) or {}
        lag_ms = link["lag_ns"] / 1e6 if link.get("significant") else None
        followers[symbol] = {
            "planted": {"lag_ms": plant["lag_ms"], "strength": plant["strength"]},
            "found": {
                "lag_ms": lag_ms,
                "correlation": link.get("correlation"),
                "verdict": link.get("verdict"),
            },
            "lag_found": lag_ms is not None and abs(lag_ms - plant["lag_ms"]) <= step_ms,
        }
    controls = {}
    for symbol in truth["controls"]:
        link = found.get(symbol) or {}
        controls[symbol] = {
            "claimed": bool(link.get("significant")),
            "correlation": link.get("correlation"),
            "verdict": link.get("verdict"),
        }
    return {"followers": followers, "controls": controls}


def print_findings(result: dict[str, Any]) -> None:
    rows = {}
    for symbol, row in result["followers"].items():
        planted, found = row["planted"], row["found"]
        lag = "no link" if found["lag_ms"] is None else f"{found['lag_ms']:.0f} ms"
        rows[symbol] = (
            f"planted {planted['lag_ms']} ms, found {lag} ({'right' if row['lag_found'] else 'missed'})"
        )
    for symbol, row in result["controls"].items():
        rows[symbol] = (
            f"no link planted, {'CLAIMED one' if row['claimed'] else 'none claimed'} ({row['verdict']})"
        )
    print_table(f"synthetic market, seed {result['seed']}: what {result['leader']} leads", rows)
