"""From a packed capture on disk to a table that a quant can work on."""

from bench.python._captures import BTC, capture
from bench.registry import benchmark, repeat, seconds


@benchmark(name="features-frame", unit="s", better="lower")
def features_frame() -> float:
    """The raw `.gz` of BTC to all features as a polars frame, 50 ms apart."""
    from aurora.stages import compute_features

    path = capture(BTC)
    return repeat(lambda: seconds(lambda: compute_features([path])))
