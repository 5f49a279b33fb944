"""Checks of an engine: it keeps the port's contract, may not look ahead, may not notice how its input is cut, may
forget nothing, and abstains with a reason where an input is missing.

Each check builds the engine anew from a factory, runs it over inputs as the Strategy stage would, and raises an
AssertionError that names what differs, where and when.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aurora.engines import Engine, EngineInput, Observations, SeriesEngine, Votes, merge, spans

__all__ = [
    "EngineFactory",
    "check_engine",
    "check_engine_look_ahead",
    "check_engine_missing_inputs",
    "check_engine_splits",
    "check_engine_state",
]

EngineFactory = Callable[[], Engine]
Inputs = Mapping[str, EngineInput]

_MOST_CUTS = 300
_COLUMNS = ("row", "local_ns", "side", "score", "edge_bps", "horizon_ns", "reliability")
_DELAY_NS = 7_000_000_000


def check_engine(
    factory: EngineFactory, inputs: Inputs, *, required: Sequence[str] | None = None, seed: int = 0
) -> None:
    """All checks of this module, and that two runs give the same bytes.

    Args:
        factory: makes the engine, each time the same and as new.
        inputs: of the whole universe and time; the engine must vote somewhere on them.
        required: series without which the engine has to abstain; those that a `SeriesEngine` needs by itself when not
            given, none for others.
        seed: of the moments and cuts that are drawn.

    Raises:
        AssertionError: a check failed.
        ValueError: the engine never votes on these inputs, so that nothing could be compared.
    """
    first = _run(factory, inputs)
    _same(first, _run(factory, inputs), "is not deterministic:")
    check_engine_splits(factory, inputs, seed=seed)
    check_engine_state(factory, inputs, seed=seed)
    check_engine_look_ahead(factory, inputs, seed=seed)
    check_engine_missing_inputs(factory, inputs, required=required)


def check_engine_look_ahead(
    factory: EngineFactory, inputs: Inputs, *, moments: int = 12, seed: int = 0
) -> None:
    """What becomes known after a moment changes no vote up to it.

    At each of `moments` row times, drawn by `seed`, everything after it (rows, quotes, news of series) is cut off,
    altered, and for series delayed; all inputs are in one block, where the future is at hand.

    Raises:
        AssertionError: a vote changed.
        ValueError: there is no vote to compare.
    """
    draw = random.Random(seed)
    whole = _run(factory, inputs)
    voted = sorted({int(t) for votes in whole.values() for t in votes.local_ns})
    if not voted:
        raise ValueError("nothing to compare: the engine never votes on these inputs")
    times = sorted({int(t) for rows in inputs.values() for t in rows.local_ns})
    drawn = {*draw.sample(times, min(moments, len(times))), *draw.sample(voted, min(moments, len(voted)))}
    for moment in sorted(drawn):
        for how, change in _CHANGES.items():
            changed = _run(factory, {key: change(rows, moment, draw) for key, rows in inputs.items()})
            before = {key: _until(votes, moment) for key, votes in whole.items()}
            after = {key: _until(changed[key], moment) for key in whole if key in changed}
            for key in before.keys() - after.keys():
                if len(before[key].row):
                    raise AssertionError(f"looks ahead: after {moment} inputs were {how}, {key} has no votes")
            both = {key: before[key] for key in after}
            _same(both, after, f"looks ahead: after {moment} inputs were {how},", counts=False)


def check_engine_splits(factory: EngineFactory, inputs: Inputs, *, seed: int = 0) -> None:
    """How the inputs are cut into blocks changes no vote and no reason: at one, at some and at (nearly) all rows.

    Raises:
        AssertionError: votes differ.
        ValueError: there is no vote to compare.
    """
    whole = _voting(factory, inputs)
    for cuts in _cuts(inputs, seed):
        _same(whole, _run(factory, inputs, cuts), f"depends on how its input is cut: with {len(cuts)} cuts")


def check_engine_state(factory: EngineFactory, inputs: Inputs, *, seed: int = 0) -> None:
    """Nothing is lost between ``snapshot`` and ``restore``, and a snapshot disturbs nothing.

    Raises:
        AssertionError: votes differ, or a snapshot is not bytes.
        ValueError: there is no vote to compare.
    """
    whole = _voting(factory, inputs)

    def disturbed(engine: Engine) -> Engine:
        state = engine.snapshot()
        if not isinstance(state, bytes):
            raise AssertionError(f"snapshot() gave {type(state).__name__}, not bytes")
        return engine

    def replaced(engine: Engine) -> Engine:
        again = factory()
        again.restore(engine.snapshot())
        return again

    for cuts in _cuts(inputs, seed):
        for what, between in (("is disturbed by snapshot():", disturbed), ("forgets state:", replaced)):
            _same(whole, _run(factory, inputs, cuts, between), f"{what} with {len(cuts)} cuts")


def check_engine_missing_inputs(
    factory: EngineFactory, inputs: Inputs, *, required: Sequence[str] | None = None
) -> None:
    """Without a series that it requires an engine abstains, with a reason, for all and for one instrument alone; and it
    bears it when an instrument is not there at all.

    Raises:
        AssertionError: it votes, or leaves rows without a reason.
    """
    if required is None:
        engine = factory()
        required = tuple(engine.needs()) if isinstance(engine, SeriesEngine) else ()
    for name in required:
        for lacking in [list(inputs), *([key] for key in sorted(inputs))]:
            without = {key: _without(rows, name) if key in lacking else rows for key, rows in inputs.items()}
            answers = _run(factory, without)
            for key in lacking:
                votes = answers.get(key)
                if not len(inputs[key].local_ns):
                    continue
                if votes is not None and len(votes.row):
                    raise AssertionError(
                        f"without {name!r} the engine votes on {key} at {int(votes.local_ns[0])}"
                    )
                if votes is None or not votes.abstained:
                    raise AssertionError(f"without {name!r} the engine says nothing of {key}")
    for absent in sorted(inputs):
        _run(factory, {key: rows for key, rows in inputs.items() if key != absent})


def _run(
    factory: EngineFactory,
    inputs: Inputs,
    cuts: Iterable[int] = (),
    between: Callable[[Engine], Engine] = lambda engine: engine,
) -> dict[str, Votes]:
    """Votes by instrument, every answer held to the port's contract."""
    engine = factory()
    if not isinstance(engine, Engine):
        raise AssertionError(
            f"{type(engine).__name__} is no engine: it lacks a part of aurora.engines.Engine"
        )
    parts: dict[str, list[Votes]] = {}
    offsets = dict.fromkeys(inputs, 0)
    for until, part in spans(inputs, engine.refit_ns, cuts):
        answered: set[str] = set()
        for votes in engine.vote(part):
            _contract(engine, votes, part, answered)
            shifted = replace(votes, row=votes.row + offsets[votes.instrument])
            parts.setdefault(votes.instrument, []).append(shifted)
        for key, rows in part.items():
            offsets[key] += len(rows.local_ns)
        if engine.refit_ns and until % engine.refit_ns == 0:
            engine.refit(until)
        engine = between(engine)
    return {key: merge(votes) for key, votes in sorted(parts.items())}


def _contract(engine: Engine, votes: Votes, inputs: Inputs, answered: set[str]) -> None:
    key, where = votes.instrument, f"{votes.engine}, {votes.instrument}:"
    if votes.engine != engine.name:
        raise AssertionError(f"{where} votes name another engine than {engine.name!r}")
    if key not in inputs or key in answered:
        raise AssertionError(f"{where} answered twice, or without having been asked")
    answered.add(key)
    rows = inputs[key].local_ns
    n = len(votes.row)
    for name in _COLUMNS[1:]:
        column = getattr(votes, name)
        if column is not None and np.shape(column) != (n,):
            raise AssertionError(f"{where} {name} has shape {np.shape(column)} for {n} votes")
    with np.errstate(invalid="ignore"):
        rules: dict[str, Any] = {
            "rows rise": np.all(np.diff(votes.row) > 0),
            "rows are of the block": np.all((votes.row >= 0) & (votes.row < len(rows))),
            "sides are +1 or -1": np.all(np.abs(votes.side.astype(np.int64)) == 1),
            "scores are finite": np.all(np.isfinite(votes.score)),
            "scores and sides agree": np.all(votes.score * votes.side >= 0),
            "edges are finite and not negative": np.all(np.isfinite(votes.edge_bps) & (votes.edge_bps >= 0)),
            "horizons are positive": np.all(votes.horizon_ns > 0),
            "counts are of Python's own kind": all(type(count) is int for count in votes.abstained.values()),
            "counts are positive": all(count > 0 for count in votes.abstained.values()),
        }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise AssertionError(f"{where} breaks the rule that {broken[0]}")
    if not np.array_equal(rows[votes.row], votes.local_ns):
        raise AssertionError(f"{where} local_ns is not that of the rows")
    if votes.reliability is not None and not np.all((votes.reliability >= 0) & (votes.reliability <= 1)):
        raise AssertionError(f"{where} breaks the rule that reliabilities lie in 0 to 1")
    if n + sum(votes.abstained.values()) != len(rows):
        raise AssertionError(
            f"{where} {n} votes and {sum(votes.abstained.values())} abstentions for {len(rows)} rows"
        )


def _voting(factory: EngineFactory, inputs: Inputs) -> dict[str, Votes]:
    whole = _run(factory, inputs)
    if not any(len(votes.row) for votes in whole.values()):
        raise ValueError("nothing to compare: the engine never votes on these inputs")
    return whole


def _cuts(inputs: Inputs, seed: int) -> list[list[int]]:
    draw = random.Random(seed)
    times = sorted({int(t) for rows in inputs.values() for t in rows.local_ns})
    # Between rows as well as at them.
    times = sorted({*times, *(t + 1 for t in times)})
    return [sorted(draw.sample(times, min(n, len(times)))) for n in (1, 7, _MOST_CUTS)]


def _until(votes: Votes, moment: int) -> Votes:
    keep = votes.local_ns <= moment
    columns = {name: column[keep] for name in _COLUMNS if (column := getattr(votes, name)) is not None}
    return replace(votes, **columns)


def _same(expected: Mapping[str, Votes], got: Mapping[str, Votes], what: str, *, counts: bool = True) -> None:
    if expected.keys() != got.keys():
        raise AssertionError(f"{what} instruments {sorted(expected.keys() ^ got.keys())} come or go")
    for key, before in expected.items():
        after = got[key]
        differs = len(before.row) != len(after.row) or before.row.tobytes() != after.row.tobytes()
        if differs:
            only = np.setxor1d(before.local_ns, after.local_ns)
            raise AssertionError(f"{what} {key} has other votes, the first at {only[:1].tolist()}")
        for name in _COLUMNS if len(before.row) else ():
            one, other = getattr(before, name), getattr(after, name)
            if (one is None) != (other is None) or (one is not None and one.tobytes() != other.tobytes()):
                at = [] if one is None or other is None else np.flatnonzero(one != other)[:1].tolist()
                when = [int(before.local_ns[n]) for n in at]
                raise AssertionError(f"{what} {key} has another {name} at {when}")
        if counts and before.abstained != after.abstained:
            raise AssertionError(f"{what} {key} abstains {after.abstained} instead of {before.abstained}")


def _without(rows: EngineInput, name: str) -> EngineInput:
    return replace(rows, series={key: series for key, series in rows.series.items() if key != name})


def _cut_off(rows: EngineInput, moment: int, draw: random.Random) -> EngineInput:
    until = int(np.searchsorted(rows.local_ns, moment, side="right"))
    quotes = int(np.searchsorted(rows.quote_ns, moment, side="right"))
    return EngineInput(
        rows.local_ns[:until],
        {name: column[:until] for name, column in rows.columns.items()},
        rows.quote_ns[:quotes],
        rows.quote_mid[:quotes],
        {name: series.between(-(2**63), moment) for name, series in rows.series.items()},
    )


def _altered(rows: EngineInput, moment: int, draw: random.Random) -> EngineInput:
    noise = np.random.default_rng(draw.getrandbits(64))

    def other(column: Any, times: Any) -> Any:
        changed = np.array(column, dtype=np.float64)
        later = times > moment
        # What is never negative (prices, sizes) stays so.
        signs = noise.choice((-1.0, 1.0), len(changed)) if (changed < 0).any() else 1.0
        return np.where(later, changed * noise.uniform(0.3, 3.0, len(changed)) * signs, changed)

    def news(series: Observations) -> Observations:
        columns = {name: other(column, series.known_ns) for name, column in series.columns.items()}
        return replace(series, columns=columns)

    return EngineInput(
        rows.local_ns,
        {name: other(column, rows.local_ns) for name, column in rows.columns.items()},
        rows.quote_ns,
        other(rows.quote_mid, rows.quote_ns),
        {name: news(series) for name, series in rows.series.items()},
    )


def _delayed(rows: EngineInput, moment: int, draw: random.Random) -> EngineInput:
    def later(series: Observations) -> Observations:
        return replace(series, known_ns=series.known_ns + np.where(series.known_ns > moment, _DELAY_NS, 0))

    return replace(rows, series={name: later(series) for name, series in rows.series.items()})


_CHANGES: dict[str, Callable[[EngineInput, int, random.Random], EngineInput]] = {
    "cut off": _cut_off,
    "altered": _altered,
    "delayed by 7 s": _delayed,
}
