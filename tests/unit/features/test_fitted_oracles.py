"""The fitted features end to end: fitted by `fit_feature`, computed by `compute`, against the reference fits."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import reference_kernels_book as book_kernels
from feature_oracle import QUICK, compared, first_minute, reference_for
from reference_features import ReferenceFeatures

from aurora.features import FeatureSettings
from aurora.stages import fit_feature
from aurora.testing import SyntheticSettings, generate


def reference_fit(
    path: Path, lines: Sequence[bytes], sample_ns: int
) -> tuple[ReferenceFeatures, list[list[float]]]:
    """The whole capture, and the rows of scaled flow read at the first event at or behind each grid time."""
    reference = reference_for(path, FeatureSettings())
    rows, following = [], None
    for time, line in reference.timed(lines):
        if following is not None and time >= following:
            row = reference.scaled_flow()
            rows += [] if row is None else [row]
        if following is None or time >= following:
            following = (time // sample_ns + 1) * sample_ns
        reference.take(time, line)
    return reference, rows


@pytest.fixture(scope="module")
def fit_scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    made = SyntheticSettings(seed=8, duration_s=45.0, followers=(), controls=())
    path = generate(made, tmp_path_factory.mktemp("fit")).paths["SOLUSDT"]
    return path, gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def fits(path: Path, lines: Sequence[bytes]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(kind, what was fitted, what the reference fits, as `ReferenceFeatures` takes it)."""
    reference, rows = reference_fit(path, lines, 100 * 10**6)
    fitted = fit_feature("microprice", [path], imbalance_buckets=5, spread_buckets=2, minimum=20)
    adjustments = book_kernels.fit_microprice(
        [touch for _, touch in reference.touches], reference.scales.tick, 5, 2, 20
    )
    yield "microprice", fitted, {"microprice": (adjustments, 5, 2)}
    fitted = fit_feature("integrated_ofi", [path], minimum=20)
    assert fitted["rows"] == len(rows)
    yield "integrated_ofi", fitted, {"integrated_weights": book_kernels.integrated_weights(rows)}


def check_fits(path: Path, lines: Sequence[bytes], tmp_path: Path, every: str, keep: int) -> None:
    tables: dict[str, Path] = {}
    expected: dict[str, Any] = {}
    for kind, fitted, reference in fits(path, lines):
        tables[kind] = tmp_path / f"{kind}.json"
        tables[kind].write_text(json.dumps(fitted))
        expected |= reference
        if kind == "microprice":
            got = fitted["fitted"]["adjustments"]
            for value, wanted in zip(got, expected["microprice"][0], strict=True):
                assert (value is None) == (wanted is None)
                assert value is None or value == pytest.approx(wanted, rel=1e-7, abs=1e-9)
            assert sum(value is not None for value in got) >= 5
            assert max(abs(value) for value in got if value is not None) > 0.01
        else:
            assert fitted["fitted"]["weights"] == pytest.approx(expected["integrated_weights"], rel=1e-9)
            assert 0 < fitted["explained"] <= 1
    given_settings = FeatureSettings(kernels=QUICK.model_copy(update=tables))
    both = compared(path, lines, every, given_settings, keep, **expected)
    for name in tables:
        both.check(name)
        assert sum(value is not None for value in both.values[name]) > 20


@pytest.mark.parametrize("every", ["100ms", "touch"])
def test_fitted_features_equal_plain_python(
    fit_scene: tuple[Path, list[bytes]], every: str, tmp_path: Path
) -> None:
    check_fits(*fit_scene, tmp_path, every, keep=9)


def test_fitted_features_of_the_real_market_equal_plain_python(captures: Path, tmp_path: Path) -> None:
    capture = captures / "hftbacktest" / "usdm" / "btcusdt_20240808.gz"
    check_fits(*first_minute(capture, tmp_path), tmp_path, "1s", keep=1)
