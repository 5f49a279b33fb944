"""Runs one engine over inputs as the Strategy stage would: for research, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from aurora.engines.port import Engine, EngineInput
from aurora.messages import Votes

_BEGINNING = np.iinfo(np.int64).min


def spans(
    inputs: Mapping[str, EngineInput], refit_ns: int, cuts_ns: Iterable[int] = ()
) -> Iterator[tuple[int, dict[str, EngineInput]]]:
    """Cuts inputs at times and at refit instants: each end with the rows and news up to it and
    the quotes before it."""
    starts = [int(c[0]) for i in inputs.values() for c in (i.local_ns, i.quote_ns) if len(c)]
    ends = [int(c[-1]) for i in inputs.values() for c in (i.local_ns, i.quote_ns) if len(c)]
    if not starts:
        return
    first, last = min(starts), max(ends) + 1
    instants = {cut for cut in cuts_ns if first <= cut < last} | {last}
    if refit_ns:
        instants.update(range(-(-first // refit_ns) * refit_ns, last, refit_ns))
    before = _BEGINNING
    for until in sorted(instants):
        part = {}
        for key, whole in inputs.items():
            rows = slice(*np.searchsorted(whole.local_ns, (before, until), side="right").tolist())
            quotes = slice(*np.searchsorted(whole.quote_ns, (before, until), side="left").tolist())
            part[key] = EngineInput(
                whole.local_ns[rows],
                {name: column[rows] for name, column in whole.columns.items()},
                whole.quote_ns[quotes],
                whole.quote_mid[quotes],
                {name: series.between(before, until) for name, series in whole.series.items()},
            )
        yield until, part
        before = until


def drive(engine: Engine, inputs: Mapping[str, EngineInput], cuts_ns: Iterable[int] = ()) -> dict[str, Votes]:
    """All votes of an engine by instrument, rows counted from the first of the inputs.

    The engine is refitted at its instants. Further cuts change nothing, or the engine is at fault.
    """
    parts: dict[str, list[Votes]] = {}
    offsets = dict.fromkeys(inputs, 0)
    for until, part in spans(inputs, engine.refit_ns, cuts_ns):
        for votes in engine.vote(part):
            shifted = replace(votes, row=votes.row + offsets[votes.instrument])
            parts.setdefault(votes.instrument, []).append(shifted)
        for key, rows in part.items():
            offsets[key] += len(rows.local_ns)
        if engine.refit_ns and until % engine.refit_ns == 0:
            engine.refit(until)
    return {key: merge(votes) for key, votes in sorted(parts.items())}


def merge(votes: list[Votes]) -> Votes:
    """Votes of one engine on one instrument, block after block, as one."""
    abstained: dict[str, int] = {}
    for one in votes:
        for reason, n in one.abstained.items():
            abstained[reason] = abstained.get(reason, 0) + n
    rated = [one.reliability for one in votes if len(one.row)]
    own = [part for part in rated if part is not None]
    return Votes(
        votes[0].engine,
        votes[0].instrument,
        np.concatenate([one.row for one in votes]),
        np.concatenate([one.local_ns for one in votes]),
        np.concatenate([one.side for one in votes]),
        np.concatenate([one.score for one in votes]),
        np.concatenate([one.edge_bps for one in votes]),
        np.concatenate([one.horizon_ns for one in votes]),
        dict(sorted(abstained.items())),
        next((one.reason for one in votes if one.reason), ""),
        np.concatenate(own) if own and len(own) == len(rated) else None,
    )
