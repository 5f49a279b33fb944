"""Whatever comes at or after a moment, however the stream is cut and wherever it is taken up again: no feature row up
to the moment changes by a bit."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from aurora._core import CaptureStream, FeatureBlock, Instrument, MarketCore
from aurora.features import CATALOGUE, FeatureSettings, KernelSettings
from aurora.stages import fit_feature
from aurora.testing import SyntheticSettings, generate
from aurora.testing.checks import check_look_ahead, check_splits, check_state

SECOND = 10**9
ENDLESS = 2**62
DRAWN_REAL, DRAWN_SYNTHETIC = 20, 30
LOOKED_BEYOND = 2 * SECOND
"""Changed lines go on for so long; the rest is cut off, which is one more change."""
SAMPLINGS = ("grid", "touch", "trade")
EXTRA = tuple(name for name, info in CATALOGUE.items() if not info.fixed)
FIXED = (
    "book_state",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "mid",
    "spread_bps",
    "obi_1",
    "obi_k",
    "weighted_mid",
)
FIXED += ("ofi", "tfi", "realised_volatility", "feature_hash")

# Windows short enough to fill and to run empty, so that every feature has values.
QUICK = KernelSettings(
    rate_half_life_ms=500,
    attribution_ms=300,
    trade_window_ms=800,
    vpin_bucket=400,
    vpin_buckets=5,
    kyle_interval_ms=100,
    kyle_intervals=30,
    kyle_minimum_intervals=6,
    roll_trades=12,
    spread_horizon_ms=150,
    spread_half_life_ms=700,
    volatility_step_ms=40,
    volatility_samples=25,
    volatility_minimum_samples=6,
    two_scale_changes=24,
    two_scale_subgrids=3,
    two_scale_minimum_changes=8,
    mid_half_life_ms=70,
)
NEVER_IN_SECONDS = {"atr_14"}
"""Needs a quarter of an hour: shown by its oracle."""


@dataclass
class Rows:
    """Times and cells, as bytes, of every row, by sampling."""

    times: dict[str, np.ndarray] = field(default_factory=dict)
    columns: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def until(self, moment: int, sampling: str) -> int:
        """How many rows may not depend on what comes at or after the moment."""
        side = "right" if sampling == "grid" else "left"
        return int(np.searchsorted(self.times[sampling], moment, side=side))


def time_of(line: bytes) -> int:
    return int(line.split(b" ", 1)[0]) if line[:1].isdigit() else 0


def ends_of(lines: Iterable[bytes], width_ms: int) -> list[int]:
    """Ends of the slices that hold a line, and of one empty slice behind each."""
    width = width_ms * 10**6
    numbers = {time_of(line) // width for line in lines if line[:1].isdigit()} if width else set()
    return [(n + 1) * width for n in sorted(numbers | {n + 1 for n in numbers})] + [ENDLESS]


@dataclass
class Scene:
    lines: list[bytes]
    settings: FeatureSettings
    folder: Path
    instrument: Instrument | None = None
    calibrated_ns: int = 0

    def __post_init__(self) -> None:
        path = self.write(self.lines)
        stream = CaptureStream([str(path)])
        self.calibrated_ns = stream.calibration_span_ns()[1]
        stream.start(0, [(None, None, None)])
        [self.instrument] = stream.instruments()
        self.whole = self.rows(self.lines)

    def write(self, lines: Iterable[bytes]) -> Path:
        path = self.folder / "capture.txt"
        path.write_bytes(b"".join(lines))
        return path

    def cores(self, instrument: Instrument) -> list[MarketCore]:
        return [
            self.settings.model_copy(update={"sampling": sampling}).core(instrument) for sampling in SAMPLINGS
        ]

    def rows(self, lines: list[bytes], width_ms: int = 0, *, taken_up: bool = False) -> Rows:
        """All samplings in one pass; with `taken_up` in cores that go on from a snapshot at every slice's end."""
        stream = CaptureStream([str(self.write(lines))])
        stream.start(0, [(None, None, None)])
        [instrument] = stream.instruments()
        assert self.instrument is None or (instrument.tick, instrument.lot, instrument.price_exponent) == (
            self.instrument.tick,
            self.instrument.lot,
            self.instrument.price_exponent,
        ), "read as another instrument"
        cores = self.cores(instrument)
        blocks: dict[str, list[FeatureBlock]] = {sampling: [] for sampling in SAMPLINGS}
        for end in ends_of(lines, width_ms):
            [block] = stream.next_slice(end)
            assert block.fault is None, block.fault
            for sampling, core in zip(SAMPLINGS, cores, strict=True):
                blocks[sampling].append(core.process(block))
            if taken_up:
                states = [core.snapshot() for core in cores]
                cores = self.cores(instrument)
                for core, state in zip(cores, states, strict=True):
                    core.restore(state)
            if block.last:
                break
        rows = Rows()
        for sampling, parts in blocks.items():
            full = [part for part in parts if len(part)] or parts[:1]
            rows.times[sampling] = np.concatenate([part.local_ns for part in full])
            fixed = {name: np.concatenate([getattr(part, name) for part in full]) for name in FIXED}
            extra = {name: np.concatenate([part.column(name) for part in full]) for name in EXTRA}
            rows.columns[sampling] = fixed | extra
        return rows

    def check(self, rows: Rows, sampling: str, count: int) -> None:
        times = self.whole.times[sampling]
        assert rows.times[sampling][:count].tolist() == times[:count].tolist()
        for name, column in rows.columns[sampling].items():
            expected = self.whole.columns[sampling][name][:count]
            if column[:count].tobytes() != expected.tobytes():  # Bytes: undefined cells carry their reasons.
                bits = [a.view(np.uint64) if a.itemsize == 8 else a for a in (column[:count], expected)]
                place = int(np.flatnonzero(bits[0] != bits[1])[0])
                raise AssertionError(
                    f"{name} by {sampling} differs at {times[place]}: {column[place]!r}, was {expected[place]!r}"
                )


# --- What is done to the lines at or after the moment --------------------------------------------------------------

_DECIMAL = re.compile(rb'"(\d+)\.(\d+)"')


def altered(lines: list[bytes], draw: random.Random) -> list[bytes]:
    """Other prices, sizes and aggressors."""

    def other(match: re.Match[bytes]) -> bytes:
        whole, part = match.groups()
        digits = b"%0*d" % (len(part) + 1, max(1, int(whole + part) + draw.randint(-50, 50)))
        return b'"' + digits[: -len(part)] + b"." + digits[-len(part) :] + b'"'

    def flipped(line: bytes) -> bytes:
        flags = (b'"m":true', b'"m":false')
        return line.replace(flags[0], flags[1]) if flags[0] in line else line.replace(flags[1], flags[0])

    return [flipped(_DECIMAL.sub(other, line)) for line in lines]


def dropped(lines: list[bytes], draw: random.Random) -> list[bytes]:
    return [line for line in lines if draw.random() < 0.5]


def duplicated(lines: list[bytes], draw: random.Random) -> list[bytes]:
    return [line for line in lines for _ in range(draw.choice((1, 2, 3)))]


def truncated(lines: list[bytes], draw: random.Random) -> list[bytes]:
    return []


def delayed(lines: list[bytes], draw: random.Random) -> list[bytes]:
    by = draw.randrange(1, SECOND)
    return [b"%d %s" % (time_of(line) + by, line.split(b" ", 1)[1]) for line in lines]


def replaced(lines: list[bytes], draw: random.Random) -> list[bytes]:
    """Nothing of the market is left: other trades, tickers, diffs and snapshots, at the same times."""

    def decimal(most: int) -> str:
        return f"{draw.randint(1, most) / 10:.1f}"

    def rows() -> list[list[str]]:
        return [[decimal(10**6), decimal(10**4)] for _ in range(draw.randint(0, 6))]

    def other(line: bytes) -> bytes:
        symbol = (re.search(rb'"s":"(\w+)"', line) or [b"", b"XUSDT"])[1].decode()
        last = draw.randint(1, 10**13)
        what: dict[str, object] = {
            "depthUpdate": {"U": last - 3, "u": last, "pu": last - 4, "b": rows(), "a": rows()},
            "bookTicker": dict(zip("ubBaA", (last, *(decimal(10**5) for _ in range(4))), strict=True)),
            "trade": {
                "t": 1,
                "p": decimal(10**5),
                "q": decimal(999),
                "X": "MARKET",
                "m": draw.random() < 0.5,
            },
        }
        kind = draw.choice(list(what))
        times = {"E": time_of(line) // 10**6, "T": time_of(line) // 10**6}
        data = {"e": kind, **times, "s": symbol, **what[kind]}  # type: ignore[dict-item]
        stream = symbol.lower() + {"depthUpdate": "@depth@0ms"}.get(kind, f"@{kind}")
        return b"%d %s\n" % (time_of(line), json.dumps({"stream": stream, "data": data}).encode())

    return [other(line) if b'"s":"' in line else line for line in lines]


CHANGES: tuple[Callable[[list[bytes], random.Random], list[bytes]], ...] = (
    altered,
    dropped,
    duplicated,
    truncated,
    delayed,
    replaced,
)


# --- Scenes --------------------------------------------------------------------------------------------------------


def settings_for(paths: list[Path], folder: Path) -> FeatureSettings:
    """All features, the fitted ones with tables fitted on these captures."""
    tables = {}
    for kind in ("microprice", "integrated_ofi"):
        tables[kind] = folder / f"{kind}.json"
        tables[kind].write_text(json.dumps(fit_feature(kind, paths, minimum=10)))
    kernels = QUICK.model_copy(update=tables)
    return FeatureSettings(sample_ms=20, volatility_half_life_ms=2_000, extra=EXTRA, kernels=kernels)


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Filters and clock are known after a thousand lines: moments are drawn from the half minute behind them."""
    scenes = []
    for seed, symbol in ((21, "SOLUSDT"), (22, "BTCUSDT")):
        folder = tmp_path_factory.mktemp(symbol)
        market = SyntheticSettings(
            seed=seed, duration_s=65.0, leader=symbol, impulse_every_s=2.0, followers=(), controls=()
        )
        path = generate(market, folder).paths[symbol]
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        scenes.append(Scene(lines, settings_for([path], folder), folder))
    return scenes


@pytest.fixture(scope="module")
def synthetic(markets: list[Scene]) -> Scene:
    return markets[0]


@pytest.fixture(scope="module")
def real(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("real")
    with gzip.open(captures / "hftbacktest" / "usdm" / "btcusdt_20240808.gz", "rb") as file:
        begin = time_of(file.readline())
        file.seek(0)
        lines = list(takewhile(lambda line: time_of(line) < begin + 14 * SECOND, file))
    path = folder / "btcusdt.txt"
    path.write_bytes(b"".join(lines))
    return Scene(lines, settings_for([path], folder), folder)


def check_moment(scene: Scene, number: int) -> None:
    draw = random.Random(number)
    change = CHANGES[number % len(CHANGES)]
    last = time_of(scene.lines[-1])
    later = [
        time for line in scene.lines if scene.calibrated_ns < (time := time_of(line)) < last - SECOND // 2
    ]
    # Any time at all, or that of an event, or the instant behind it.
    moment = draw.choice((draw.randrange(later[0], later[-1]), draw.choice(later), draw.choice(later) + 1))
    kept = [line for line in scene.lines if time_of(line) < moment]
    rest = [line for line in scene.lines if moment <= time_of(line) < moment + LOOKED_BEYOND]
    rows = scene.rows(kept + change(rest, draw))
    if change is truncated:
        # A stream says nothing of the time behind its last event.
        moment = time_of(kept[-1])
    for sampling in SAMPLINGS:
        count = scene.whole.until(moment, sampling)
        assert count > 20
        scene.check(rows, sampling, count)


@pytest.mark.parametrize("number", range(DRAWN_SYNTHETIC))
def test_no_feature_of_a_synthetic_market_sees_the_future(markets: list[Scene], number: int) -> None:
    check_moment(markets[number % 5 % 2], number)


@pytest.mark.parametrize("number", range(DRAWN_REAL))
def test_no_feature_of_the_real_market_sees_the_future(real: Scene, number: int) -> None:
    check_moment(real, 1_000 + number)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_feature_has_values_to_compare(synthetic: Scene, sampling: str) -> None:
    columns = synthetic.whole.columns[sampling]
    for name in EXTRA:
        defined = columns[name][~np.isnan(columns[name])]
        assert (len(np.unique(defined)) > 2) == (name not in NEVER_IN_SECONDS), name


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_comparison_would_notice(synthetic: Scene, sampling: str) -> None:
    """A past that was changed half a second before the moment makes a difference."""
    moment = time_of(synthetic.lines[-1]) - SECOND
    early = moment - SECOND // 2
    kept = [line for line in synthetic.lines if time_of(line) < early]
    rest = [line for line in synthetic.lines if time_of(line) >= early]
    rows = synthetic.rows(kept + altered(rest, random.Random(1)))
    with pytest.raises(AssertionError):
        synthetic.check(rows, sampling, synthetic.whole.until(moment, sampling))


@pytest.mark.parametrize("width_ms", [1, 3, 20, 170, 1_000])
def test_cuts_and_snapshots_change_no_row(synthetic: Scene, width_ms: int) -> None:
    """Slices of every width, and a new core taken up from a snapshot at each of their ends."""
    for taken_up in (False, True):
        if taken_up and width_ms < 20:
            continue
        rows = synthetic.rows(synthetic.lines, width_ms, taken_up=taken_up)
        for sampling in SAMPLINGS:
            assert len(rows.times[sampling]) == len(synthetic.whole.times[sampling])
            synthetic.check(rows, sampling, len(rows.times[sampling]))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_public_checks_pass_the_catalogue(synthetic: Scene, sampling: str) -> None:
    """What authors of features run on theirs."""
    build = partial(FeatureSettings.core, synthetic.settings.model_copy(update={"sampling": sampling}))
    lines = synthetic.lines[:2_500]
    check_splits(build, lines, slice_ms=(250, 7))
    check_state(build, lines, slice_ms=250)
    check_look_ahead(build, lines, moments=1, slice_ms=500)
