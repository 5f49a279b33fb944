"""Features of users' own: found by entry point, computed beside the built-in ones, refused where they are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from entry_point_package import install

from aurora.errors import ConfigError, UsageError
from aurora.features import Feature, compute, user_features

SOURCE = """
    import struct

    import numpy as np

    class MidChange:
        \"\"\"Mid less the mid of the row before.\"\"\"

        name = "mid_change"
        unit = "quote currency"

        def __init__(self, instrument):
            self.scale = instrument.price_scale
            self.last = float("nan")

        def process(self, events, rows):
            mids = np.asarray(rows.mid)
            before = np.concatenate([[self.last], mids])
            self.last = before[-1]
            return np.diff(before)

        def snapshot(self):
            return struct.pack("<d", self.last)

        def restore(self, state):
            (self.last,) = struct.unpack("<d", state)

    class TooShort(MidChange):
        def process(self, events, rows):
            return super().process(events, rows)[1:]
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = {"mid_change": "own_features:MidChange", "too_short": "own_features:TooShort"}
    folder = install(tmp_path / "site", "own_features", SOURCE, names)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_an_installed_feature_is_found_and_computed(package: Path, restless: Any, tmp_path: Path) -> None:
    assert set(user_features()) == {"mid_change", "too_short"}
    capture = restless(6).write(tmp_path / "market.txt")
    frame = compute(capture, ["mid", "mid_change", "spread_ticks"], "100ms", reasons=True)
    assert frame.columns == [
        *("instrument", "local_ns", "mid", "mid_reason", "mid_change"),
        *("spread_ticks", "spread_ticks_reason"),
    ]
    mids = np.array([np.nan if mid is None else mid for mid in frame["mid"]])
    expected = np.diff(np.concatenate([[np.nan], mids]))
    assert np.isfinite(expected).sum() > 10
    got = frame["mid_change"].to_list()
    assert [value is None for value in got] == np.isnan(expected).tolist(), "NaN leaves as null"
    np.testing.assert_array_equal(
        [value for value in got if value is not None], expected[~np.isnan(expected)]
    )


def test_what_is_found_is_the_port(package: Path) -> None:
    import own_features  # type: ignore[import-not-found]

    class Any_:
        price_scale = 10

    assert isinstance(own_features.MidChange(Any_()), Feature)


def test_a_feature_that_answers_too_little_is_named(package: Path, restless: Any, tmp_path: Path) -> None:
    capture = restless(6).write(tmp_path / "market.txt")
    with pytest.raises(ConfigError, match=r"'too_short' answered .* one a row is due"):
        compute(capture, ["too_short"], "100ms")


def test_without_the_package_the_name_is_unknown(restless: Any, tmp_path: Path) -> None:
    capture = restless(6).write(tmp_path / "market.txt")
    with pytest.raises(UsageError, match="unknown features mid_change"):
        compute(capture, ["mid_change"], "100ms")


def test_a_package_that_cannot_be_loaded_is_named(
    tmp_path: Path, restless: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(tmp_path / "site", "torn", "raise ValueError('torn apart')", {"ragged": "torn:Ragged"})
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ConfigError, match=r"'ragged' \(torn:Ragged\) cannot be loaded: torn apart"):
        user_features()
    capture = restless(6).write(tmp_path / "market.txt")
    # Nobody asked for it: the built-in ones do not suffer.
    assert compute(capture, ["mid"], "100ms").height > 10
