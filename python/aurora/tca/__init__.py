"""What trading costs: priced before the trade."""

from aurora.tca.ex_ante import CostSettings, Price, price_signal, take_within

__all__ = ["CostSettings", "Price", "price_signal", "take_within"]
