"""What the command line promises to others: keys and types, counts that agree with the records, run ids."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from command_line import Answer, run_command

from aurora._core import reason_codes
from aurora.journal import Journal

Aurora = Callable[..., Answer]
NUMBER = (int, float)

REPLAY_CONTRACT: dict[str, type | tuple[type, ...]] = {
    "run_id": str,
    "events": int,
    "wall_s": NUMBER,
    "events_per_s": NUMBER,
    "peak_rss_mb": NUMBER,
    "data_grade": str,
    "signals": int,
    "decisions": int,
    "intents": int,
    "orders": int,
    "fills": int,
    "reasons": dict,
    "pnl": dict,
    "decisions_digest": str,
    "out": str,
}
INFO_CONTRACT: dict[str, type | tuple[type, ...]] = {
    "messages": int,
    "by_stream": dict,
    "snapshot_id": int,
    "depth_stale": int,
    "depth_applied": int,
    "level_updates": int,
    "gaps": int,
    "crossed": int,
    "ticker_same_id": int,
    "ticker_equal": int,
    "final_update_id": int,
    "levels": list,
    "bids": list,
    "asks": list,
    "trades": int,
    "trade_qty": str,
    "digest": str,
    "first_ts": int,
    "last_ts": int,
    "clock_offset_ms": NUMBER,
    "grade": str,
}


def check_types(told: dict[str, Any], contract: dict[str, type | tuple[type, ...]]) -> None:
    for name, kind in contract.items():
        assert name in told, name
        assert isinstance(told[name], kind), (name, told[name])
        assert not isinstance(told[name], bool), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(scope="module")
def replayed(market: dict[str, Path], configs: Path, folder: Path) -> Answer:
    """One replay through the real command, in a folder of its own and without `--out`."""
    config = configs / "probe.yaml"
    return run_command("replay", *market.values(), "--config", config, "--json", cwd=folder).done()


@pytest.fixture(scope="module")
def summary(replayed: Answer) -> dict[str, Any]:
    return dict(replayed.json)


@pytest.fixture(scope="module")
def journal(summary: dict[str, Any], folder: Path) -> Journal:
    return Journal.open(folder / summary["out"])


def test_replay_answers_every_key_of_the_contract(replayed: Answer, summary: dict[str, Any]) -> None:
    check_types(summary, REPLAY_CONTRACT)
    assert replayed.err == "", "no terminal, no progress"
    assert list(summary)[: len(REPLAY_CONTRACT)] == list(REPLAY_CONTRACT), (
        "the contract comes first, in order"
    )
    assert re.fullmatch(r"[0-9a-f]{16}", summary["run_id"])
    assert re.fullmatch(r"[0-9a-f]{64}", summary["decisions_digest"])
    assert set(summary["pnl"]) == {"gross", "fees", "funding", "net"}
    pnl = summary["pnl"]
    assert pnl["net"] == pytest.approx(pnl["gross"] - pnl["fees"] - pnl["funding"], abs=1e-8)
    assert summary["data_grade"] in set("ABCDF")
    assert summary["wall_s"] > 0
    assert summary["events_per_s"] == pytest.approx(summary["events"] / summary["wall_s"], rel=0.01)
    assert 20 < summary["peak_rss_mb"] < 2_000


def test_without_out_the_run_lies_under_its_id(summary: dict[str, Any], folder: Path) -> None:
    assert summary["out"] == f"out/{summary['run_id']}"
    assert json.loads((folder / summary["out"] / "run.json").read_text())["run_id"] == summary["run_id"]


def test_every_signal_ends_in_one_reason(summary: dict[str, Any]) -> None:
    assert summary["decisions"] == summary["signals"] == sum(summary["reasons"].values()) > 100
    assert all(type(n) is int and n > 0 for n in summary["reasons"].values())
    assert set(summary["reasons"]) <= set(dict(reason_codes()))


def test_counts_agree_with_the_records(summary: dict[str, Any], journal: Journal) -> None:
    decisions = journal.decisions().collect()
    orders = journal.orders().collect()
    fills = journal.fills().collect()
    assert len(decisions) == summary["decisions"]
    assert decisions["trace"].n_unique() == len(decisions)
    assert dict(Counter(decisions["reason"])) == summary["reasons"]
    assert len(fills) == summary["fills"] > 20
    assert fills["trade_id"].n_unique() == len(fills)
    placed = orders.filter(pl.col("event") == "placed")
    assert placed["client_id"].n_unique() == len(placed) == summary["orders"] > 100
    traded = decisions.filter(pl.col("reason").str.starts_with("trade."))
    assert summary["intents"] >= len(traded) > 0
    assert traded["client_id"].n_unique() == len(traded)
    entries = placed.filter(pl.col("leg") == "entry")
    assert sorted(entries["client_id"]) == sorted(traded["client_id"])
    refused = decisions.filter(pl.col("reason").str.starts_with("deny."))
    assert refused["client_id"].null_count() == len(refused)
    assert set(fills["trace"]) <= set(traded["trace"])
    assert set(fills["client_id"]) <= set(placed["client_id"])


def test_pnl_follows_from_the_fills(summary: dict[str, Any], journal: Journal) -> None:
    """Cash, fees and position recomputed from the fills alone, exactly."""
    cash, fees = Decimal(summary["account"]["start_cash"]), Decimal(0)
    position: Counter[str] = Counter()
    for fill in journal.fills().collect().iter_rows(named=True):
        cash -= fill["side"] * fill["price"] * fill["size"] + fill["fee"]
        fees += fill["fee"]
        position[fill["instrument"]] += fill["side"] * fill["size"]
    assert Decimal(summary["account"]["cash"]) == cash
    assert Decimal(summary["account"]["fees"]) == fees
    still_open = {key: size for key, size in position.items() if size}
    assert {k: Decimal(v) for k, v in summary["account"]["open_positions"].items()} == still_open


def test_samples_split_into_votes_and_abstentions(summary: dict[str, Any], journal: Journal) -> None:
    slices = journal.slices().collect()
    assert slices["samples"].sum() == summary["samples"]
    assert slices["votes"].sum() == summary["signals"]
    assert summary["samples"] == summary["signals"] + sum(summary["abstained"].values())


def test_events_are_those_of_data_info(
    market: dict[str, Path], summary: dict[str, Any], folder: Path
) -> None:
    answer = run_command("data", "info", *market.values(), "--json", cwd=folder).done()
    reports = answer.json["symbols"]
    assert len(reports) == len(market)
    for report in reports.values():
        check_types(report, INFO_CONTRACT)
        assert len(report["levels"]) == 2
        for side in ("bids", "asks"):
            assert len(report[side]) == 5
            assert all(len(level) == 2 and all(type(v) is str for v in level) for level in report[side])
        assert re.fullmatch(r"[0-9a-f]{64}", report["digest"])
        assert re.fullmatch(r"\d+(\.\d+)?", report["trade_qty"])
    expected = sum(r["level_updates"] + r["by_stream"]["bookTicker"] + r["trades"] for r in reports.values())
    assert summary["events"] == expected


def test_the_journal_verifies_and_ends_in_the_digest(summary: dict[str, Any], journal: Journal) -> None:
    assert journal.verify().ok
    assert journal.decisions().collect()["hash"][-1] == summary["decisions_digest"]


# --- Run ids ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(market: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first part of the market: enough to tell runs apart."""
    folder = tmp_path_factory.mktemp("quick")
    paths = []
    for symbol, path in market.items():
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        paths.append(folder / f"{symbol}.txt")
        paths[-1].write_bytes(b"".join(lines[: len(lines) * 3 // 4]))
    return paths


@pytest.fixture
def replay(quick: list[Path], configs: Path, aurora: Aurora) -> Callable[..., dict[str, Any]]:
    def run(
        *options: object, paths: list[Path] = quick, config: Path = configs / "probe.yaml"
    ) -> dict[str, Any]:
        answer = aurora("replay", *paths, "--config", config, "--out", "run", "--json", *options).done()
        return dict(answer.json)

    return run


def test_run_id_does_not_depend_on_how_the_run_is_made(
    replay: Callable[..., dict[str, Any]], quick: list[Path], tmp_path: Path
) -> None:
    first = replay()
    assert first["decisions"] > 10
    for options in (
        ("--slice-ms", 0),
        ("--slice-ms", 37),
        ("--out", "elsewhere"),
        ("--recovery", "store"),
    ):
        again = replay(*options)
        assert again["run_id"] == first["run_id"], options
        assert again["decisions_digest"] == first["decisions_digest"], options
    moved = tmp_path / "deep" / "er"
    moved.mkdir(parents=True)
    paths = [moved / f"other_name_{n}.txt" for n, _ in enumerate(quick)]
    for path, source in zip(paths, quick, strict=True):
        path.write_bytes(source.read_bytes())
    again = replay(paths=paths)
    assert (again["run_id"], again["decisions_digest"]) == (first["run_id"], first["decisions_digest"])


def test_run_id_does_not_depend_on_the_runner(replay: Callable[..., dict[str, Any]]) -> None:
    pytest.importorskip("bytewax")
    first, other = replay(), replay("--runner", "bytewax")
    assert (other["run_id"], other["decisions_digest"]) == (first["run_id"], first["decisions_digest"])


def test_run_id_changes_with_seed_config_policy_and_inputs(
    replay: Callable[..., dict[str, Any]], quick: list[Path], configs: Path, tmp_path: Path
) -> None:
    ids = [replay()["run_id"], replay("--seed", 1)["run_id"]]
    probe = (configs / "probe.yaml").read_text()
    changed = tmp_path / "changed.yaml"
    policy = (configs / "probe_policy.yaml").read_text()
    (tmp_path / "probe_policy.yaml").write_text(f"stop_bps: 81\n{policy}")
    for text in (probe, probe.replace("min_p: 0", "min_p: 0.01")):
        changed.write_text(text)
        ids.append(replay(config=changed)["run_id"])
    lines = quick[0].read_bytes().splitlines(keepends=True)
    trade = max(n for n, line in enumerate(lines) if b'"e":"trade"' in line)
    lines[trade] = re.sub(rb'"q":"\d', b'"q":"7', lines[trade])
    other = tmp_path / "other.txt"
    other.write_bytes(b"".join(lines))
    assert other.read_bytes() != quick[0].read_bytes()
    ids.append(replay(paths=[other, *quick[1:]])["run_id"])
    assert len(set(ids)) == len(ids) == 5


def test_a_config_that_says_the_defaults_is_the_same_run(
    replay: Callable[..., dict[str, Any]], configs: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said.yaml"
    policy = "policy: {limits: {turnover_day_pct: 1000000}}"
    probe = (configs / "probe.yaml").read_text().replace("policy_file: probe_policy.yaml", policy)
    said.write_text(probe + "\nfeatures: {sample_ms: 50}\ncapture: {slice_ms: 250}\n")
    assert replay(config=said)["run_id"] == replay()["run_id"]


def test_the_seed_enters_traces_and_nothing_else(
    replay: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    zero, one = replay("--out", "zero"), replay("--seed", 1, "--out", "one")
    assert zero["reasons"] == one["reasons"]
    assert zero["pnl"] == one["pnl"]
    tables = [Journal.open(tmp_path / name).decisions().collect() for name in ("zero", "one")]
    assert not set(tables[0]["trace"]) & set(tables[1]["trace"])
    same = pl.all().exclude("trace", "client_id", "hash", "previous_hash")
    assert tables[0].select(same).equals(tables[1].select(same))


# --- explain and report -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["trade.", "deny."])
def test_explain_tells_the_story(kind: str, summary: dict[str, Any], journal: Journal, folder: Path) -> None:
    fitting = pl.col("reason").str.starts_with(kind)
    row = journal.decisions().filter(fitting).collect().row(0, named=True)
    answer = run_command("explain", row["trace"], "--run", summary["out"], cwd=folder).done()
    assert answer.err == ""
    for word in (row["trace"], row["instrument"], row["reason"], dict(reason_codes())[row["reason"]]):
        assert word in answer.out
    for section in ("Signal", "Costs", "Size", "Decision", "Orders", "Fills", "Result", "Outcome"):
        assert f"\n{section}" in answer.out
    mine = pl.col("trace") == row["trace"]
    fills = journal.fills().filter(mine).collect()
    assert (len(fills) > 0) == (kind == "trade.")
    assert ("nothing filled" in answer.out) == (len(fills) == 0)


@pytest.mark.parametrize("kind", ["trade.", "deny."])
def test_explain_as_json_by_a_beginning_of_the_trace(
    kind: str, summary: dict[str, Any], journal: Journal, folder: Path, aurora: Aurora
) -> None:
    fitting = pl.col("reason").str.starts_with(kind)
    row = journal.decisions().filter(fitting).collect().row(-1, named=True)
    told = aurora("explain", row["trace"][:12], "--run", folder / summary["out"], "--json").done().json
    assert told["trace"] == row["trace"]
    assert told["decision"]["reason"] == row["reason"]
    assert told["reason_doc"] == dict(reason_codes())[row["reason"]]
    mine = pl.col("trace") == row["trace"]
    assert len(told["orders"]) == len(journal.orders().filter(mine).collect())
    assert len(told["fills"]) == len(journal.fills().filter(mine).collect())


def test_explain_without_run_takes_the_newest(
    summary: dict[str, Any], journal: Journal, folder: Path, aurora: Aurora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    trace = journal.decisions().collect()["trace"][0]
    assert aurora("explain", trace, "--json").done().json["trace"] == trace


@pytest.mark.parametrize("trace", ["ffffffffffffffff", "zz", "", "no such trace"])
def test_explain_of_an_unknown_trace_suggests_others(
    trace: str, summary: dict[str, Any], journal: Journal, folder: Path, aurora: Aurora
) -> None:
    answer = aurora("explain", trace, "--run", folder / summary["out"], "--json").refused(1)
    assert answer.out == ""
    known = set(journal.decisions().collect()["trace"])
    assert set(re.findall(r"\b[0-9a-f]{16}\b", answer.err)) & known


def test_report_writes_one_page_that_needs_no_network(
    summary: dict[str, Any], folder: Path, aurora: Aurora
) -> None:
    run = folder / summary["out"]
    told = aurora("report", run, "--json").done().json
    assert told == {"tearsheet": str(run / "tearsheet.html"), "journal_ok": True}
    page = (run / "tearsheet.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert summary["run_id"] in page
    assert "synthetic" in page.lower()
    for reason in summary["reasons"]:
        assert reason in page
    loads = r"<(?:script|img|iframe)[^>]*\ssrc\s*=|<link[^>]*\shref\s*=|@import|url\(\s*['\"]?https?:"
    assert not re.search(loads, re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL))
    assert not re.search(r"<script[^>]*\ssrc\s*=", page)
    assert aurora("report", run, "--out", "page.html").done().out.splitlines()[0] == "page.html"


def test_report_finds_a_changed_record(
    summary: dict[str, Any], folder: Path, tmp_path: Path, aurora: Aurora
) -> None:
    source, run = folder / summary["out"], tmp_path / "changed"
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.name != "ledger.redb":
            target = run / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert aurora("report", run, "--json").done().json["journal_ok"] is True
    part = run / "decisions" / "part-000000.parquet"
    rows = pl.read_parquet(part)
    rows.with_columns(
        pl.when(pl.col("sequence") == 5).then(9.9).otherwise(pl.col("score")).alias("score")
    ).write_parquet(part)
    answer = aurora("report", run, "--json")
    assert answer.code == 1
    assert answer.json["journal_ok"] is False


def test_version(aurora: Aurora) -> None:
    assert re.fullmatch(r"aurora \d+\.\d+\.\d+\S*\n", aurora("--version").done().out)


def test_every_command_has_help(aurora: Aurora) -> None:
    data = (["data", name] for name in ("info", "check", "convert", "list", "verify", "export"))
    features = (["features", name] for name in ("list", "compute", "fit", "bars"))
    for command in ([], ["replay"], ["data"], *data, *features, ["explain"], ["report"], ["demo"]):
        answer = aurora(*command, "--help").done()
        assert "Usage: aurora" in answer.out
        assert answer.err == ""
