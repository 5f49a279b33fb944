"""One replay: its streams, its stages, its sink. The same plan is built by every process of a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from aurora._core import DurableLedger, Instrument
from aurora.capture import CaptureReader, CaptureSet, CatalogueReader
from aurora.engines import Engine
from aurora.features import FeatureSettings
from aurora.journal import InstrumentInfo, JournalWriter
from aurora.messages import DeskRecords, FeatureMessage, MarketMessage, StrategyMessage
from aurora.regime import RegimeSettings
from aurora.risk import Policy
from aurora.signal import SignalSettings
from aurora.stages.desk import DeskSettings, DeskStage, GateSettings
from aurora.stages.market import MarketStage
from aurora.stages.protocol import Sink, Stage
from aurora.stages.series import SeriesSettings
from aurora.stages.strategy import DEPTH_COLUMNS, StrategyStage
from aurora.tca import CostSettings

STEPS = ("market", "strategy", "desk")
"""Step ids in order: a public contract, a renamed step loses its state."""


PARTIAL = "partial.json"
"""Beside the tables: the summary of a run as far as it came."""
LEDGER_BATCH = 5_000
"""Rows that wait in memory for a snapshot at most."""


class RunSink:
    """Journal and durable ledger of a run, made durable together.

    The ledger goes first: rows that a crash leaves in it without their records are the same rows when the run
    resumes, and appending them again changes nothing.
    """

    def __init__(self, writer: JournalWriter, waiting: list[bytes], store: Path):
        self._writer = writer
        self._waiting = waiting
        self._store = store
        self._ledger: DurableLedger | None = None

    def write(self, records: Sequence[DeskRecords]) -> None:
        self._writer.write(records)
        if len(self._waiting) >= LEDGER_BATCH:
            self._keep_ledger()

    def _keep_ledger(self) -> None:
        if self._waiting:
            if self._ledger is None:
                self._ledger = DurableLedger(str(self._store))
            self._ledger.append_batch(self._waiting)
            self._waiting.clear()

    def snapshot(self) -> bytes:
        self._keep_ledger()
        return self._writer.snapshot()

    def close(self) -> None:
        self._keep_ledger()
        self._ledger = None
        self._writer.close()
        # A run that is stopped, here or in another process, has no end yet; this is how far it came.
        (self._store.parent / PARTIAL).write_text(json.dumps(self._writer.summary()))


EngineFactory = Callable[[Sequence[str], int], Engine]
"""Makes an engine from the universe's instrument keys and the sampling step in ns."""


class ReplayPlan:
    """See :class:`aurora.stages.Plan`.

    Args:
        run: what ``run.json`` shall hold; ``run["run_id"]`` names the run.
        overwrite: an earlier run in ``out`` may be replaced.
        resume: records of this run already in ``out`` are kept up to the resumed state.
    """

    steps: Sequence[str] = STEPS

    def __init__(
        self,
        captures: CaptureSet,
        *,
        features: FeatureSettings,
        engines: Sequence[EngineFactory],
        signal: SignalSettings,
        costs: CostSettings,
        policy: Policy,
        desk: DeskSettings,
        regime: RegimeSettings | None = None,
        series: SeriesSettings | None = None,
        seed: int,
        out: Path,
        run: Mapping[str, Any],
        overwrite: bool = False,
        resume: bool = False,
        abort_after_events: int | None = None,
    ):
        self._captures = captures
        extra = (*features.extra, *(name for name in DEPTH_COLUMNS if name not in features.extra))
        # How much of the depth an order would be is part of its size.
        self._features = features.model_copy(update={"extra": extra})
        self._regime = regime or RegimeSettings()
        self._series = series or SeriesSettings()
        self._engines = list(engines)
        self._signal = signal
        self._costs = costs
        self._policy = policy
        self._desk = desk
        self._seed = seed
        self._out = out
        self._run = dict(run)
        self._overwrite = overwrite
        self._resume = resume
        self._abort_after_events = abort_after_events
        self.writer: JournalWriter | None = None
        """The sink of this process, once made."""

    @property
    def streams(self) -> Sequence[str]:
        return self._captures.streams

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self._captures.instruments

    def open(self, stream: str, position: int | None) -> CaptureReader | CatalogueReader:
        return self._captures.open(stream, position)

    def key(self, step: str, message: MarketMessage | FeatureMessage | StrategyMessage) -> str:
        if step == "market":
            assert isinstance(message, MarketMessage)
            return message.instrument
        return {"strategy": "universe", "desk": "account"}[step]

    def stage(self, step: str, key: str) -> Stage:
        captures = self._captures
        if step == "market":
            return MarketStage(
                captures.instruments[key],
                self._features,
                clock_offset_ns=captures.offset_of(key),
                unsynchronised=captures.settings.unsynchronised,
            )
        if step == "strategy":
            sample_ns = self._features.sample_ns
            keys = sorted(captures.instruments)
            return StrategyStage(
                captures.instruments,
                [make(keys, sample_ns) for make in self._engines],
                self._signal,
                seed=self._seed,
                regime=self._regime,
                fee_bps=2.0 * self._costs.taker_fee_bps,
                series=self._series.load(keys),
                not_before_ns=captures.calibrated_ns,
                first_slice=captures.first_slice,
            )
        return DeskStage(
            captures.instruments,
            self._desk,
            self._policy,
            self._costs,
            GateSettings(require_calibration=self._signal.require_calibration, min_p=self._signal.min_p),
            abort_after_events=self._abort_after_events,
        )

    def _frozen(self) -> dict[str, Any]:
        """Filters and clock as they were frozen before the first decision, for ``run.json``."""
        captures = self._captures
        return {
            "calibrated_ns": captures.calibrated_ns,
            "clock_offset_ms": {name: offset / 1e6 for name, offset in captures.clock_offset_ns.items()},
            "instruments": {
                key: {
                    "tick_size": i.format_price(i.tick),
                    "lot_size": i.format_size(i.lot),
                    "min_notional": format(Decimal(i.min_notional).scaleb(-8).normalize(), "f"),
                }
                for key, i in captures.instruments.items()
            },
        }

    def sink(self, state: bytes | None) -> Sink:
        infos = {
            key: InstrumentInfo(i.price_exponent, i.size_exponent, i.tick, i.lot)
            for key, i in self._captures.instruments.items()
        }
        waiting: list[bytes] = []
        self.writer = JournalWriter(
            self._out,
            infos,
            {**self._run, **self._frozen()},
            ledger_sink=waiting.extend,
            state=state,
            overwrite=self._overwrite and state is None,
            resume=self._resume,
        )
        store = self._out / "ledger.redb"
        if state is None:
            # What a replaced run left beside its tables tells of that run.
            store.unlink(missing_ok=True)
            (self._out / "tearsheet.html").unlink(missing_ok=True)
            (self._out / PARTIAL).unlink(missing_ok=True)
        return RunSink(self.writer, waiting, store)
