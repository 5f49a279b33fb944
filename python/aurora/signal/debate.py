"""Each vote is scored on four questions, and every rule that speaks for or against it is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aurora.errors import UsageError
from aurora.signal.checks import at_least, finite, within
from aurora.signal.settings import DebateSettings

Stance = Literal["for", "against"]


@dataclass(frozen=True, slots=True)
class Argument:
    """One thing said about a vote."""

    engine: str
    stance: Stance
    rule: str
    """Which rule spoke; ``critic`` for one that did not come from a rule."""
    text: str
    value: float | None = None
    """What the rule looked at."""
    bound: float | None = None
    """What it compared it with."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one engine's vote at the time of the vote."""

    engine: str
    side: int
    edge_bps: float
    """Expected move in the vote's direction, before costs."""
    cost_bps: float
    """Round trip."""
    approved: bool
    """Whether the approval matrix lets the engine vote in this regime."""
    regime_outcomes: int
    regime_right: int
    """Of the engine's resolved votes in this regime, how many there were and how many were right."""
    drawdown_bps: float
    """Shadow profit of the engine below its peak, not below 0."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A vote after the debate: four scores in [0, 1], their weighted mean, and what was said."""

    engine: str
    alpha: float
    regime_fit: float
    diversification: float
    drawdown: float
    score: float
    arguments: tuple[Argument, ...]


def debate(
    evidence: Sequence[Evidence], correlation: Mapping[tuple[str, str], float], settings: DebateSettings
) -> dict[str, Standing]:
    """Scores votes of one instant, by engine.

    - alpha: edge after costs, 0 at none and 1 at ``full_edge_bps``;
    - regime fit: posterior mean (right + 1) / (outcomes + 2) in this regime, 0 at ``regime_low`` and 1 at
      ``regime_high``; 0 for an engine the regime does not approve;
    - diversification: 1 less the mean |correlation of errors| with the others that vote for the same side; 1 for a
      vote that stands alone;
    - drawdown: 1 at the peak, 0 at ``max_drawdown_bps`` below it.

    A score from ``strong`` on makes an argument for the vote, one up to ``weak`` an argument against it.

    Args:
        correlation: of forecast errors by pair of engines, in either order; a missing pair counts 0.

    Raises:
        DataError: a number is not finite, a correlation outside [-1, 1], or a drawdown below 0.
        UsageError: an engine speaks twice, a side is neither -1 nor +1, or more right votes than outcomes.
    """
    names = [one.engine for one in evidence]
    if len(set(names)) != len(names):
        raise UsageError("evidence: an engine occurs twice")
    return {one.engine: _standing(one, evidence, correlation, settings) for one in evidence}


def _standing(
    one: Evidence,
    evidence: Sequence[Evidence],
    correlation: Mapping[tuple[str, str], float],
    settings: DebateSettings,
) -> Standing:
    if one.side not in (-1, 1):
        raise UsageError(f"side of {one.engine!r} is {one.side}; it must be -1 or +1")
    at_least(f"regime_right of {one.engine!r}", one.regime_right, 0)
    at_least(f"regime_outcomes of {one.engine!r}", one.regime_outcomes, one.regime_right)
    net = finite("edge_bps", one.edge_bps) - finite("cost_bps", one.cost_bps)
    alpha = _between(net, 0.0, settings.full_edge_bps)

    hit_rate = (one.regime_right + 1) / (one.regime_outcomes + 2)
    fit = _between(hit_rate, settings.regime_low, settings.regime_high) if one.approved else 0.0

    allies = [other.engine for other in evidence if other.engine != one.engine and other.side == one.side]
    alike = [abs(_pair(correlation, one.engine, ally)) for ally in allies]
    likeness = math.fsum(alike) / len(alike) if alike else 0.0
    diversification = 1.0 - likeness

    depth = within("drawdown_bps", one.drawdown_bps, 0.0, math.inf)
    drawdown = 1.0 - _between(depth, 0.0, settings.max_drawdown_bps)

    weights = (
        settings.alpha_weight,
        settings.regime_weight,
        settings.diversification_weight,
        settings.drawdown_weight,
    )
    scores = (alpha, fit, diversification, drawdown)
    score = math.fsum(w * s for w, s in zip(weights, scores, strict=True)) / math.fsum(weights)

    said: list[Argument] = []

    def argue(stance: Stance, rule: str, text: str, value: float, bound: float) -> None:
        said.append(Argument(one.engine, stance, rule, text, value, bound))

    if not one.approved:
        argue("against", "not_approved", "the regime does not approve this engine", 0.0, 1.0)
    if one.regime_outcomes < settings.min_outcomes:
        argue(
            "against",
            "short_record",
            f"{one.regime_outcomes} outcomes in this regime, {settings.min_outcomes} wanted",
            one.regime_outcomes,
            settings.min_outcomes,
        )
    for rule, value, text in (
        ("alpha", alpha, f"edge after costs is {net:.2f} bps"),
        ("regime_fit", fit, f"right in {hit_rate:.1%} of this regime's votes"),
        ("diversification", diversification, f"errors correlate {likeness:.2f} with {len(allies)} ally(s)"),
        ("drawdown", drawdown, f"{depth:.1f} bps below its peak"),
    ):
        if value >= settings.strong:
            argue("for", rule, text, value, settings.strong)
        elif value <= settings.weak:
            argue("against", rule, text, value, settings.weak)
    return Standing(one.engine, alpha, fit, diversification, drawdown, score, tuple(said))


def _between(value: float, low: float, high: float) -> float:
    """Where the value lies from low (0) to high (1), held within."""
    return max(0.0, min(1.0, (value - low) / (high - low)))


def _pair(correlation: Mapping[tuple[str, str], float], one: str, other: str) -> float:
    value = correlation.get((one, other), correlation.get((other, one), 0.0))
    return within(f"correlation of {one!r} and {other!r}", value, -1.0, 1.0)
