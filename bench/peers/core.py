"""What the side-by-side runs agree on."""

CORE_KERNELS = [
    "mid",
    "spread_bps",
    "obi_1",
    "obi_k",
    "weighted_mid",
    "ofi",
    "tfi",
    "realised_volatility",
    "obi_weighted",
    "vpin",
    "trade_rate",
    "ewma_mid",
]
"""Twelve kernels: those of every feature frame, and four of the catalogue."""
KERNELS = {
    "imbalance": "order book imbalance",
    "weighted_mid": "weighted mid",
    "order_flow": "order flow imbalance",
    "volatility": "fading realised volatility",
    "ewma": "irregular-time EWMA",
    "trade_flow": "fading trade flow imbalance",
    "vpin": "VPIN",
    "roll": "Roll spread over 100 trades",
}
"""Kernels that the peer has been written for in numba, and what they are."""
