"""When what is held is looked at: the share of the limits falls, and only then."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

from aurora.risk import AccountState, Policy, Posture, SymbolState
from aurora.risk.posture import posture_of
from aurora.stages.reducing import Reducing

MONEY = 10**8
POLICY = Policy()
CALM = posture_of(POLICY, [])


def share(scale: Fraction | int) -> Posture:
    return replace(CALM, exposure_scale=Fraction(scale))


def account(**positions: int) -> AccountState:
    symbols = {name: SymbolState(position=size * MONEY) for name, size in positions.items()}
    return AccountState(1_000 * MONEY, 25 * MONEY, 0, 1_000 * MONEY, symbols)


def due(subject: Reducing, scale: Fraction | int, **positions: int) -> list[str]:
    return subject.due(7, share(scale), lambda: account(**positions))


def test_only_a_fall_of_the_share_closes() -> None:
    subject = Reducing(POLICY)
    assert due(subject, 1, A=140) == []
    assert due(subject, Fraction(1, 2), A=140, B=70) == ["A"]
    assert due(subject, Fraction(1, 2), A=140, B=80) == [], "a price that moves is no reason"
    assert due(subject, Fraction(1, 4), B=40, C=30) == ["B"]
    assert due(subject, 1, B=140) == []
    assert due(subject, Fraction(1, 2), B=140) == ["B"], "and again"
    assert [(one["symbol"], one["limit"], one["used"], one["allowed"]) for one in subject.log] == [
        ("A", "position", 140.0, 75.0),
        ("B", "position", 40.0, 37.5),
        ("B", "position", 140.0, 75.0),
    ]
    assert {one["local_ns"] for one in subject.log} == {7}


def test_the_account_is_not_asked_without_need() -> None:
    def never() -> AccountState:
        raise AssertionError

    subject = Reducing(POLICY)
    assert subject.due(0, share(1), never) == []
    flat = posture_of(POLICY, [("day_loss", None)])
    assert flat.exposure_scale == 0
    assert subject.due(0, flat, never) == [], "the kill switch closes what is held"
    assert subject.due(0, share(Fraction(1, 2)), never) == [], "after a flat day nothing is held"


def test_a_fall_waits_until_everything_held_has_a_mark() -> None:
    subject = Reducing(POLICY)
    for _ in range(2):
        assert subject.due(0, share(Fraction(1, 2)), lambda: None) == []
    assert due(subject, Fraction(1, 2), A=140) == ["A"]
    assert due(subject, Fraction(1, 2), A=140) == []


def test_a_restart_remembers_the_share() -> None:
    subject = Reducing(POLICY)
    due(subject, Fraction(1, 3), A=140)
    fresh = Reducing(POLICY)
    fresh.load(json.loads(json.dumps(subject.state())))
    assert fresh.state() == subject.state()
    assert due(fresh, Fraction(1, 3), A=140) == []
    assert due(fresh, Fraction(1, 4), A=140) == ["A"]


def test_breakers_that_leave_a_share() -> None:
    for name in ("drawdown_halve", "volatility_index"):
        assert Reducing(POLICY).due(0, posture_of(POLICY, [(name, None)]), lambda: account(A=80)) == ["A"], (
            name
        )
    for name in ("drawdown_alert", "loss_streak", "volatility", "safe_mode"):
        assert Reducing(POLICY).due(0, posture_of(POLICY, [(name, None)]), lambda: account(A=149)) == [], name
