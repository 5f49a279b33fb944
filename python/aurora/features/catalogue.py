"""What the feature columns are."""

from __future__ import annotations

FEATURES: dict[str, str] = {
    "bid": "best bid, price quanta",
    "ask": "best ask, price quanta",
    "bid_size": "size at the best bid, size quanta",
    "ask_size": "size at the best ask, size quanta",
    "book_state": "0 synced, 1 awaiting snapshot, 2 stale after a gap, 3 stale after a snapshot that did not fit",
    "mid": "(bid + ask) / 2, quote currency",
    "spread_bps": "(ask - bid) / mid, basis points",
    "obi_1": "order book imbalance of the best level, [-1, 1] (Gould and Bonart 2016)",
    "obi_k": "order book imbalance over depth_levels levels, [-1, 1]",
    "weighted_mid": "I*ask + (1-I)*bid with I the bid's share of size, quote currency",
    "ofi": "order flow imbalance since the previous row, base currency (Cont, Kukanov, Stoikov 2014)",
    "tfi": "trade flow imbalance with exponential fading, [-1, 1]",
    "realised_volatility": "exponentially weighted mid volatility, basis points per square-root second",
    "feature_hash": "running 64-bit hash of every event and row of the instrument so far",
}
"""Columns of a feature frame with their units. Null where undefined: no touch (see ``book_state``), or not enough
events yet."""
