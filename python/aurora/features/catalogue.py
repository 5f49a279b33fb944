"""What the feature columns are."""

from __future__ import annotations

from dataclasses import dataclass

from aurora._core import feature_catalogue, undefined_reasons


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """A column: ``group`` says what drives it, ``fixed`` whether every feature frame has it."""

    name: str
    unit: str
    group: str
    about: str
    fixed: bool = False


_FIXED: tuple[FeatureInfo, ...] = tuple(
    FeatureInfo(name, unit, group, about, fixed=True)
    for name, unit, group, about in (
        ("bid", "price quanta", "book", "best bid"),
        ("ask", "price quanta", "book", "best ask"),
        ("bid_size", "size quanta", "book", "size at the best bid"),
        ("ask_size", "size quanta", "book", "size at the best ask"),
        (
            "book_state",
            "code",
            "book",
            "0 synced, 1 awaiting snapshot, 2 stale after a gap, 3 stale after a snapshot that did not fit, 4 stale "
            "after a checksum that did not match, 5 unsynchronised on request",
        ),
        ("mid", "quote currency", "book", "(bid + ask) / 2"),
        ("spread_bps", "basis points", "book", "(ask - bid) / mid"),
        ("obi_1", "-1..1", "book", "order book imbalance of the best level (Gould and Bonart 2016)"),
        ("obi_k", "-1..1", "book", "order book imbalance over depth_levels levels"),
        ("weighted_mid", "quote currency", "book", "I*ask + (1-I)*bid with I the bid's share of size"),
        (
            "ofi",
            "base currency",
            "level_flow",
            "order flow imbalance since the previous row (Cont, Kukanov, Stoikov 2014)",
        ),
        ("tfi", "-1..1", "trades", "trade flow imbalance with exponential fading, by aggressor"),
        (
            "realised_volatility",
            "basis points per square-root second",
            "volatility",
            "exponentially weighted mid volatility",
        ),
        ("feature_hash", "64 bits", "book", "running hash of every event and row of the instrument so far"),
    )
)

FEATURES: dict[str, str] = {info.name: f"{info.about} [{info.unit}]" for info in _FIXED}
"""The columns that every feature frame has, with their units. Null where undefined: no touch (see ``book_state``), or
not enough events yet."""

CATALOGUE: dict[str, FeatureInfo] = {
    **{info.name: info for info in _FIXED},
    **{name: FeatureInfo(name, unit, group, about) for name, unit, group, about in feature_catalogue()},
}
"""All built-in features by name: the fixed columns, then those that have to be asked for."""

UNDEFINED_REASONS: dict[int, str] = dict(undefined_reasons())
"""Why a value is null, by the code that ``FeatureBlock.reasons`` gives; 0 stands for a value."""
