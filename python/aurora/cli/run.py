"""One run from options to summary, shared by the commands that replay."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora import __version__
from aurora.capture import content_hash, expand_paths, is_synthetic
from aurora.config import load_settings, replay_plan, run_id, series_hashes
from aurora.errors import UsageError
from aurora.journal import Journal
from aurora.stages import PARTIAL, run_inline

PNL_UNKNOWN = {"gross": None, "fees": None, "funding": None, "net": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What a replay is told; see ``aurora replay --help``."""

    paths: list[str]
    config: Path | None = None
    out: Path | None = None
    runner: str = "inline"
    processes: int = 1
    recovery: Path | None = None
    resume: bool = False
    slice_ms: int | None = None
    seed: int = 0
    abort_after_events: int | None = None
    overrides: dict[str, Any] | None = None
    """Settings that a command sets itself; only where no config is given."""


def run_replay(options: ReplayOptions, progress: Callable[[str, int], None] | None = None) -> dict[str, Any]:
    """Replays captures and answers with the summary of the run.

    Raises:
        AuroraError: of the kind that the fault is; records written before it stay.
    """
    if options.resume and options.recovery is None:
        raise UsageError("--resume needs --recovery DIR, the directory the run was started with")
    if options.recovery is not None and options.recovery == options.out:
        raise UsageError("--recovery and --out must be different directories")
    if options.processes > 1 and options.runner != "bytewax":
        raise UsageError("--processes needs --runner bytewax; the inline runner is one process")
    started = time.perf_counter()
    settings = load_settings(options.config, options.slice_ms, options.overrides)
    files = expand_paths(options.paths)
    inputs = content_hash(files)
    series = series_hashes(settings)
    identity = run_id(settings, options.seed, inputs, series)
    # Checkpoints count slices, so they are of use to slices of the same width only.
    checkpoints_of = f"{identity} in slices of {settings.capture.slice_ms} ms"
    out = options.out or Path("out") / identity
    arguments: dict[str, Any] = {
        "paths": [str(path) for path in files],
        "settings": settings.model_dump(mode="json", exclude={"policy_file"}),
        "seed": options.seed,
        "out": str(out),
        "run": {
            "run_id": identity,
            "aurora": __version__,
            "seed": options.seed,
            "config_hash": settings.hash,
            "policy_hash": settings.policy.hash,
            "settings": settings.model_dump(mode="json", exclude={"policy_file"}),
            "inputs": [{"name": name, "sha256": digest} for name, digest in inputs],
            "series": [{"name": name, "sha256": digest} for name, digest in series],
            "synthetic": all(is_synthetic(path) for path in files),
        },
        "overwrite": not options.resume,
        "resume": options.resume,
        "abort_after_events": options.abort_after_events,
    }
    if options.runner == "inline":
        plan = replay_plan(**arguments)
        outcome = run_inline(
            plan,
            recovery=options.recovery,
            resume=options.resume,
            identity=checkpoints_of,
            checkpoint_s=settings.runner.checkpoint_s,
            progress=progress,
        )
        stopped = outcome.stopped
    else:
        # Bytewax has no wheels for every Python; those who run inline shall not need it.
        from aurora.dataflow import run_bytewax

        stopped = run_bytewax(
            "aurora.config:replay_plan",
            arguments,
            processes=options.processes,
            recovery=options.recovery,
            resume=options.resume,
            identity=checkpoints_of,
            epoch_interval_s=settings.runner.checkpoint_s,
            progress=progress,
        ).stopped
    wall_s = time.perf_counter() - started
    # A run stopped before its first decision has no journal yet, and nothing to say but that.
    begun = (out / "run.json").exists() or not stopped
    recorded = (Journal.open(out).summary if begun else None) or partial_summary(out)
    summary = _summary(recorded, identity, out)
    summary["stopped"] = stopped
    summary["wall_s"] = round(wall_s, 4)
    summary["events_per_s"] = round(summary["events"] / wall_s, 1)
    summary["peak_rss_mb"] = round(peak_memory_kb() / 1024, 1)
    return summary


def partial_summary(out: Path) -> dict[str, Any]:
    """How far a stopped run came, as its sink left it."""
    path = out / PARTIAL
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def peak_memory_kb() -> int:
    """Largest resident size of this process, or of a worker it waited for, in KiB."""
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux ru_maxrss begins with the peak of the process that started this one; the kernel's own does not.
        own = next(
            int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")
        )
    return max(own, workers)


def _summary(recorded: dict[str, Any], identity: str, out: Path) -> dict[str, Any]:
    """Names and order of the public contract first, whatever else the journal counted behind them."""
    contract = {
        "run_id": identity,
        "events": 0,
        "wall_s": 0.0,
        "events_per_s": 0.0,
        "peak_rss_mb": 0.0,
        "data_grade": None,
        "signals": 0,
        "decisions": 0,
        "intents": 0,
        "orders": 0,
        "fills": 0,
        "reasons": {},
        "pnl": PNL_UNKNOWN,
        "decisions_digest": None,
        "out": str(out),
        "faults": [],
    }
    return {**contract, **recorded, "out": str(out)}
