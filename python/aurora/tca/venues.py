"""Which of several venues an order goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from aurora import _core
from aurora.errors import DataError

__all__ = ["VenueQuality", "best_venue", "venue_scores", "volume_curve"]


@dataclass(frozen=True, slots=True)
class VenueQuality:
    """What a venue offers an order."""

    spread: float
    """Quoted spread, in any unit of price that the venues share."""
    queue: float
    """Size ahead of the order at its own side of the touch."""
    latency: float
    """Time from an order to its acknowledgement."""
    reliability: float
    """Share of requests that were answered as they should be, 0 to 1."""
    size: float
    """Size displayed for the order as a multiple of the order's; all beyond one counts as one."""


def venue_scores(venues: Mapping[str, VenueQuality]) -> dict[str, float]:
    """Scores from 0 to 1: 0.3 spread + 0.2 queue + 0.2 latency + 0.15 reliability + 0.15 size.

    Spread, queue and latency are the best among ``venues`` over a venue's own.

    Raises:
        DataError: a part is negative or no finite number, or a reliability is above one.
    """
    scores = _core.venue_scores([astuple(venue) for venue in venues.values()])
    if scores is None:
        raise DataError(f"a venue's quality is no number that it can be: {dict(venues)}")
    return dict(zip(venues, scores, strict=True))


def best_venue(venues: Mapping[str, VenueQuality]) -> str:
    """The venue with the largest score, the first of equals.

    Raises:
        DataError: as :func:`venue_scores`, or there is no venue.
    """
    found = _core.best_venue([astuple(venue) for venue in venues.values()])
    if found is None:
        raise DataError(f"no venue, or a quality is no number that it can be: {dict(venues)}")
    return list(venues)[found[0]]


def volume_curve(days: list[list[int]]) -> list[int]:
    """Mean volume of each of 288 five-minute slots of the UTC day over past days; days without any do not count.

    Raises:
        DataError: a day has another number of slots.
    """
    return _core.volume_curve(days)
