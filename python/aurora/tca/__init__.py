"""What trading costs: priced before the trade, and what it was worth afterwards."""

from aurora.tca.ex_ante import CostSettings, Price, price_signal, take_within
from aurora.tca.markout import MidPath, markout_bps

__all__ = ["CostSettings", "MidPath", "Price", "markout_bps", "price_signal", "take_within"]
