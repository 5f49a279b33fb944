"""The checks for engines find what they are for: each fault, planted in an engine that is sound without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from engine_material import MINUTE, rows_at, series_of

from aurora.engines import EngineInput, Need, Opinion, Panel, SeriesEngine, SeriesSettings, Votes
from aurora.testing import check_engine
from aurora.testing.engine_checks import (
    check_engine_look_ahead,
    check_engine_missing_inputs,
    check_engine_splits,
    check_engine_state,
)

KEYS = ("a:X", "a:Y")


def inputs() -> dict[str, EngineInput]:
    draw = np.random.default_rng(5)
    made = {}
    for key in KEYS:
        values = draw.normal(0, 1, 40).tolist()
        news = [(n * MINUTE, n * MINUTE, n * MINUTE, {"value": v}) for n, v in enumerate(values)]
        made[key] = rows_at(range(0, 40 * MINUTE, MINUTE // 2), {"news": series_of(news, ["value"])})
    return made


class Sound:
    """Votes with the sum of the last two news."""

    name = "sound"
    refit_ns = 0

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[int, float]]] = {}
        self.last: dict[str, int] = {}

    def latest(self, t: int, news: list[tuple[int, float]], at: int, rows: list[int]) -> float:
        known = [v for k, v in news if k <= t]
        return sum(known[-2:])

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        answers = []
        for key, given in sorted(inputs.items()):
            n = len(given.local_ns)
            if "news" not in given.series:
                answers.append(self.votes(key, given, [], {"no_news": n} if n else {}))
                continue
            series = given.series["news"]
            memory = self.seen.setdefault(key, [])
            memory += zip(series.known_ns.tolist(), series.columns["value"].tolist(), strict=True)
            rows = given.local_ns.tolist()
            said = [(at, self.latest(t, memory, at, rows)) for at, t in enumerate(rows)]
            votes = [(at, v) for at, v in said if abs(v) > 0.5]
            waiting = {"small": n - len(votes)} if len(votes) < n else {}
            answers.append(self.votes(key, given, votes, waiting))
            self.forget(key)
        return answers

    def forget(self, key: str) -> None:
        self.seen[key] = self.seen[key][-2:]

    def votes(self, key: str, given: EngineInput, votes: list[Any], abstained: dict[str, int]) -> Votes:
        row = np.array([at for at, _ in votes], np.int64)
        value = np.array([v for _, v in votes])
        side = np.sign(value).astype(np.int8)
        horizon = np.full(len(row), MINUTE)
        return Votes(self.name, key, row, given.local_ns[row], side, value, np.abs(value), horizon, abstained)

    def refit(self, now_ns: int) -> None: ...

    def findings(self) -> dict[str, Any]:
        return {}

    def snapshot(self) -> bytes:
        return json.dumps(self.seen).encode()

    def restore(self, state: bytes) -> None:
        self.seen = {key: [(k, v) for k, v in news] for key, news in json.loads(state).items()}


class Peeks(Sound):
    """Takes whatever came with the block."""

    def latest(self, t: int, news: list[tuple[int, float]], at: int, rows: list[int]) -> float:
        return sum(v for k, v in news[-2:])


class KnowsARowAhead(Sound):
    def latest(self, t: int, news: list[tuple[int, float]], at: int, rows: list[int]) -> float:
        later = rows[at + 1] if at + 1 < len(rows) else t
        return super().latest(later, news, at, rows)


class CountsRows(Sound):
    """Abstains at the first row of a block."""

    def latest(self, t: int, news: list[tuple[int, float]], at: int, rows: list[int]) -> float:
        return super().latest(t, news, at, rows) if at else 0.0


class Forgets(Sound):
    def snapshot(self) -> bytes:
        return json.dumps({key: news[-1:] for key, news in self.seen.items()}).encode()


class DisturbedBySnapshots(Sound):
    def snapshot(self) -> bytes:
        state = super().snapshot()
        self.seen = {key: [(k, v + 1.0) for k, v in news] for key, news in self.seen.items()}
        return state


class GivesText(Sound):
    def snapshot(self) -> Any:
        return "state"


class FallsBack(Sound):
    """Votes without its input."""

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        answers = super().vote(inputs)
        for n, answer in enumerate(answers):
            given = inputs[answer.instrument]
            if "no_news" in answer.abstained:
                answers[n] = self.votes(
                    answer.instrument, given, [(k, 1.0) for k in range(len(given.local_ns))], {}
                )
        return answers


class Silent(Sound):
    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        return [answer for answer in super().vote(inputs) if "no_news" not in answer.abstained]


class Random(Sound):
    runs = 0

    def latest(self, t: int, news: list[tuple[int, float]], at: int, rows: list[int]) -> float:
        Random.runs += 1
        return super().latest(t, news, at, rows) + Random.runs * 1e-9


@pytest.mark.parametrize(
    ("fault", "check", "complaint"),
    [
        (Peeks, check_engine_look_ahead, "looks ahead: after"),
        (KnowsARowAhead, check_engine_look_ahead, "looks ahead: after"),
        (CountsRows, check_engine_splits, "depends on how its input is cut"),
        (Forgets, check_engine_state, "forgets state"),
        (DisturbedBySnapshots, check_engine_state, "disturbed by snapshot"),
        (GivesText, check_engine_state, "gave str, not bytes"),
        (Random, check_engine, "not deterministic"),
    ],
)
def test_a_fault_is_found(fault: type[Sound], check: Callable[..., None], complaint: str) -> None:
    check(Sound, inputs())
    with pytest.raises(AssertionError, match=complaint):
        check(fault, inputs())
    with pytest.raises(AssertionError):
        check_engine(fault, inputs(), required=["news"])


def test_a_missing_input_must_be_said() -> None:
    check_engine(Sound, inputs(), required=["news"])
    with pytest.raises(AssertionError, match="without 'news' the engine votes on a:X at 0"):
        check_engine_missing_inputs(FallsBack, inputs(), required=["news"])
    with pytest.raises(AssertionError, match="without 'news' the engine says nothing of a:X"):
        check_engine_missing_inputs(Silent, inputs(), required=["news"])


BREACHES: dict[str, tuple[Callable[[Votes], dict[str, Any]], str]] = {
    "row": (lambda v: {"row": v.row[::-1]}, "rows rise"),
    "outside": (lambda v: {"row": v.row + 10**6}, "rows are of the block"),
    "side": (lambda v: {"side": v.side * 0}, "sides are"),
    "score": (lambda v: {"score": v.score * np.nan}, "scores are finite"),
    "sign": (lambda v: {"score": -v.score}, "scores and sides agree"),
    "edge": (lambda v: {"edge_bps": -v.edge_bps}, "edges are finite"),
    "horizon": (lambda v: {"horizon_ns": v.horizon_ns * 0}, "horizons are positive"),
    "length": (lambda v: {"edge_bps": v.edge_bps[1:]}, "edge_bps has shape"),
    "time": (lambda v: {"local_ns": v.local_ns + 1}, "local_ns is not that"),
    "count": (lambda v: {"abstained": {"small": 1}}, "votes and 1 abstentions"),
    "negative": (lambda v: {"abstained": {**v.abstained, "odd": 0}}, "counts are positive"),
    "kind": (lambda v: {"abstained": {k: np.int64(n) for k, n in v.abstained.items()}}, "Python's own kind"),
    "reliability": (lambda v: {"reliability": np.full(len(v.row), 2.0)}, "reliabilities"),
    "name": (lambda v: {"engine": "other"}, "name another engine"),
    "instrument": (lambda v: {"instrument": "a:Z"}, "without having been asked"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_of_the_port_is_named(breach: str) -> None:
    from dataclasses import replace

    change, complaint = BREACHES[breach]

    class Breaks(Sound):
        def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
            return [replace(votes, **change(votes)) for votes in super().vote(inputs)]

    with pytest.raises(AssertionError, match=complaint):
        check_engine(Breaks, inputs())


def test_silence_proves_nothing() -> None:
    class Mute(Sound):
        def latest(self, *_: Any) -> float:
            return 0.0

    with pytest.raises(ValueError, match="never votes"):
        check_engine(Mute, inputs())
    with pytest.raises(AssertionError, match="is no engine"):
        check_engine(lambda: object(), inputs())  # type: ignore[arg-type, return-value]


class PanelPeeks(SeriesEngine[SeriesSettings]):
    """A series engine whose rule goes past its panel, into what it remembers."""

    name = "panel_peeks"
    Settings = SeriesSettings
    clock = "news"

    def needs(self) -> dict[str, Need]:
        return {"news": Need(("value",))}

    def judge(self, panel: Panel) -> Opinion:
        news = self._histories["news"]
        latest = [news.column(n, "value")[-1] for n in range(len(self.instruments))]
        signal = np.zeros(panel.shape) + np.array(latest)
        return Opinion(signal, np.ones(panel.shape))


def test_a_rule_that_passes_its_panel_is_found() -> None:
    settings = SeriesSettings(entry=0.01)
    with pytest.raises(AssertionError, match=r"looks ahead|input is cut"):
        check_engine(lambda: PanelPeeks(settings, KEYS, MINUTE), inputs())
