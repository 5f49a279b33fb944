"""The research face: features and bars of captures as one frame, in one line.

Research is the streaming code run to the end, so this drives the Market stage, which stands above this room: the
import waits until it is called, and the floors' test knows this file as the one that may (decision 0010).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from aurora.features.settings import FeatureSettings

if TYPE_CHECKING:
    import polars as pl


def compute(
    paths: str | Path | Sequence[str | Path],
    features: Sequence[str] | None = None,
    every: str | None = None,
    settings: FeatureSettings | None = None,
    *,
    reasons: bool = False,
    skip_bad_lines: bool = False,
    unsynchronised: bool = False,
    market: str | None = None,
) -> pl.DataFrame:
    """Features of captures, one row per instrument and sampling time.

    Args:
        paths: capture files, directories of them, or a catalogue; files of a symbol in time order.
        features: names from :data:`aurora.features.CATALOGUE` or of users' own; the fixed columns where None.
        every: ``"50ms"``, ``"1s"``, ``"1m"`` (a grid of local time), ``"touch"`` or ``"trade"``; as in ``settings``
            where None.
        settings: what the kernels are set to.
        reasons: beside each float column a column ``<name>_reason`` that says why it is null.
        skip_bad_lines: records that cannot be read are passed over, which ends their stream else.
        unsynchronised: books are read without waiting for a snapshot.
        market: market of raw frames that do not name theirs, e.g. ``"bybit_spot"``.

    Returns:
        ``instrument, local_ns`` (corrected receive time, ns) and the features, sorted by local time, then
        instrument. Null where undefined.

    Raises:
        UsageError: an unknown feature or ``every``.
        ConfigError: an unknown market.
        DataError: a capture cannot be used, or holds no sample.
    """
    from aurora.stages import compute_features, whole_reading

    return compute_features(
        [paths] if isinstance(paths, str | Path) else paths,
        features,
        settings,
        whole_reading(skip_bad_lines=skip_bad_lines, unsynchronised=unsynchronised, market=market),
        every=every,
        reasons=reasons,
    )


def bars(
    paths: str | Path | Sequence[str | Path],
    every: str | None = None,
    *,
    volume: Decimal | int | str | None = None,
    dollar: Decimal | int | str | None = None,
    skip_bad_lines: bool = False,
    market: str | None = None,
) -> pl.DataFrame:
    """Bars of the market trades in captures: by time, by volume or by notional.

    Silences under an hour are forward-filled with flat bars in time bars, longer ones are holes. Prints that the
    exchange flags as no market trades stay out. The bar left open at the end is there, not ``complete``.

    Args:
        paths: capture files, directories of them, or a catalogue; files of a symbol in time order.
        every: ``"1m"``, ``"15m"``, ``"1h"``, ``"1d"``, ...: time bars on the grid of UTC days; ``"1m"`` where no rule
            is given.
        volume: a bar closes with the trade that brings it to this size, in base currency (contracts where inverse);
            the trade belongs to it whole.
        dollar: the same for the notional, in quote currency; not for inverse contracts, whose size is money already.
        skip_bad_lines: records that cannot be read are passed over, which ends their stream else.
        market: market of raw frames that do not name theirs, e.g. ``"bybit_spot"``.

    Returns:
        :data:`aurora.features.BAR_COLUMNS`, sorted by end, then instrument; no row where nothing was traded.

    Raises:
        UsageError: more than one rule, or one that no bar can be built by.
        DataError: a capture cannot be used.
    """
    from aurora.stages import compute_bars, whole_reading

    given = [paths] if isinstance(paths, str | Path) else paths
    reading = whole_reading(skip_bad_lines=skip_bad_lines, market=market)
    return compute_bars(given, every, volume=volume, dollar=dollar, capture=reading)
