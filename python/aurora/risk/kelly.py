"""Kelly fractions with costs, at a low quantile of the posterior of p or as a share of Kelly: one, not both.

A Kelly fraction (p·b - q)/b is a share of equity *at risk* (Kelly 1956); as notional it is p/L - q/G. Costs belong
inside b: a win earns G - c, a loss costs L + c. See Thorp 2006; Baker and McHale 2013 on why p is shrunk.
"""

from __future__ import annotations

import math
from fractions import Fraction

from aurora.errors import DataError
from aurora.risk.exact import Number, exact, within


def kelly_fraction(p: Number, gain: Number, loss: Number) -> Fraction:
    """Share of equity to put at risk: (p·b - q)/b with b = gain / loss; 0 where there is no edge.

    Args:
        p: probability of the gain, in [0, 1].
        gain: earned by a win, costs taken off; without gain the fraction is 0.
        loss: lost otherwise, costs included, same unit; above 0.
    """
    chance, won, lost = exact("p", p), exact("gain", gain), exact("loss", loss)
    if not 0 <= chance <= 1:
        raise DataError(f"p is {p}; a probability lies in [0, 1]")
    if lost <= 0:
        raise DataError(f"loss is {loss}; it must be above 0")
    if won <= 0:
        return Fraction(0)
    odds = won / lost
    return max(Fraction(0), (chance * odds - (1 - chance)) / odds)


def kelly_notional(p: Number, gain: Number, loss: Number, cost: Number = 0) -> Fraction:
    """Notional over equity: p/(loss + cost) - q/(gain - cost), at least 0; 0 where the cost eats the gain.

    Args:
        gain, loss: price moves as shares of the price.
        cost: of the round trip, same unit.
    """
    charged = exact("cost", cost)
    won, lost = exact("gain", gain) - charged, exact("loss", loss) + charged
    return kelly_fraction(p, won, lost) / lost


def posterior_quantile(wins: float, losses: float, quantile: float) -> float:
    """Quantile of the posterior of p after so many wins and losses from a uniform prior: Beta(1 + w, 1 + l).

    Args:
        wins, losses: counts, or effective counts of weighted trades; at least 0.
        quantile: in (0, 1).
    """
    from scipy.special import betaincinv

    won, lost = within("wins", wins, 0.0, math.inf), within("losses", losses, 0.0, math.inf)
    level = within("quantile", quantile, 0.0, 1.0, open_ends=True)
    return float(betaincinv(1.0 + won, 1.0 + lost, level))


def growth_rate(fraction: float, p: float, odds: float) -> float | None:
    """Expected log growth per bet at a fraction of equity at risk; None where a loss is ruin.

    Args:
        odds: gain over loss, above 0.
    """
    staked, chance = within("fraction", fraction, 0.0, math.inf), within("p", p, 0.0, 1.0)
    gain = within("odds", odds, 0.0, math.inf, open_ends=True)
    if chance < 1.0 and staked >= 1.0:
        return None
    lost = (1.0 - chance) * math.log1p(-staked) if chance < 1.0 else 0.0
    return chance * math.log1p(staked * gain) + lost
