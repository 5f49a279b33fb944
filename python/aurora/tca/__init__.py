"""What trading costs: priced before the trade, and what it was worth afterwards."""

from aurora.tca.ex_ante import CostSettings, Price, price_signal, take_within
from aurora.tca.markout import MidPath, markout_bps
from aurora.tca.venues import VenueQuality, best_venue, venue_scores, volume_curve

__all__ = [
    "CostSettings",
    "MidPath",
    "Price",
    "VenueQuality",
    "best_venue",
    "markout_bps",
    "price_signal",
    "take_within",
    "venue_scores",
    "volume_curve",
]
