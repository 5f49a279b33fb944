"""Scores of venues, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aurora.errors import DataError
from aurora.tca import VenueQuality, best_venue, venue_scores, volume_curve

NARROW = VenueQuality(spread=1, queue=40, latency=20, reliability=0.9, size=0.5)
FAST = VenueQuality(spread=2, queue=10, latency=5, reliability=1, size=3)


def test_scores_by_hand() -> None:
    venues = {"narrow": NARROW, "fast": FAST}
    scores = venue_scores(venues)
    assert scores == pytest.approx(
        {"narrow": 0.3 + 0.2 * 10 / 40 + 0.2 * 5 / 20 + 0.15 * 0.9 + 0.15 * 0.5, "fast": 0.3 / 2 + 0.7}
    )
    assert best_venue(venues) == "fast"
    assert best_venue({"b": FAST, "a": FAST}) == "b", "the first of equals"


def test_what_is_no_quality_is_refused() -> None:
    for bad in (
        replace(FAST, spread=-1),
        replace(FAST, latency=float("nan")),
        replace(FAST, reliability=1.1),
    ):
        with pytest.raises(DataError):
            venue_scores({"good": NARROW, "bad": bad})
    with pytest.raises(DataError, match="no venue"):
        best_venue({})


def test_a_volume_curve_is_the_mean_of_days_with_volume() -> None:
    day = [0] * 288
    day[5] = 9
    curve = volume_curve([day, [1] * 288, [0] * 288])
    assert (curve[5], curve[6], len(curve)) == (5, 0, 288)
    with pytest.raises(DataError, match="288"):
        volume_curve([[1, 2]])
