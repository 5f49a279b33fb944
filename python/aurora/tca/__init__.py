"""What trading costs: priced before the trade."""

from aurora.tca.ex_ante import CostSettings, Price, price_signal

__all__ = ["CostSettings", "Price", "price_signal"]
