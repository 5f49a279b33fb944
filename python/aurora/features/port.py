"""The port for features of users' own, found by entry point.

A package offers one by an entry point of the group ``aurora.features``::

    [project.entry-points."aurora.features"]
    my_signal = "my_package.features:MySignal"

It is built anew for every instrument, as ``MySignal(instrument)``, and then sees block after block.
``aurora.testing.checks`` runs the look-ahead, split and state checks on it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from aurora._core import FeatureBlock, Instrument, MarketBlock
from aurora.errors import ConfigError

ENTRY_POINT_GROUP = "aurora.features"


@runtime_checkable
class Feature(Protocol):
    """One column of one instrument, computed block by block.

    The value in a row at local time t may depend only on events with local time before t (on a grid) or up to the
    event that wrote the row (sampled at touch changes or trades), never on how the stream was cut into blocks.
    """

    name: str
    unit: str

    def process(self, events: MarketBlock, rows: FeatureBlock) -> npt.NDArray[np.float64]:
        """The column for ``rows``, one value a row; NaN where undefined."""
        ...

    def snapshot(self) -> bytes:
        """Everything it remembers, as versioned bytes."""
        ...

    def restore(self, state: bytes) -> None:
        """Goes on from a snapshot."""
        ...


FeatureFactory = Callable[[Instrument], Feature]


def user_features() -> dict[str, FeatureFactory]:
    """Features that installed packages offer, by entry point name.

    Raises:
        ConfigError: an entry point cannot be loaded.
    """
    found: dict[str, FeatureFactory] = {}
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            loaded: Any = entry.load()
        except Exception as error:
            raise ConfigError(
                f"the feature {entry.name!r} ({entry.value}) cannot be loaded: {error}; mend or remove the package"
            ) from error
        found[entry.name] = loaded
    return found


def checked_column(name: str, values: Any, rows: int) -> npt.NDArray[np.float64]:
    """A feature's answer as a float column of the right length.

    Raises:
        ConfigError: it is something else.
    """
    column = np.asarray(values, dtype=np.float64)
    if column.shape != (rows,):
        raise ConfigError(
            f"the feature {name!r} answered {column.shape} values for {rows} rows; one a row is due"
        )
    return column
