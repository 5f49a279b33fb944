"""The digest depends on the sequence of records alone, and a damaged journal says where."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora.journal import Journal, JournalWriter
from aurora.journal.canonical import ZERO_HASH, decision_bytes, fill_bytes, next_hash
from aurora.journal.exact import Quanta
from aurora.journal.rows import decision_from_row, fill_from_row
from aurora.messages import DecisionRecord, Fill, Signal


def written(directory: Path, make: Any, records: list[Any]) -> Journal:
    writer = JournalWriter(directory, make.instruments, make.run, overwrite=True)
    writer.write(records)
    writer.close()
    return Journal.open(directory)


def digests(journal: Journal) -> tuple[str, str]:
    assert journal.summary is not None
    return journal.summary["decisions_digest"], journal.summary["fills_digest"]


def test_the_chain_is_what_it_says(tmp_path: Path, make: Any) -> None:
    story = make.story()
    expected = bytes(32)
    for record in story:
        for decision in record.decisions:
            expected = hashlib.sha256(expected + decision_bytes(decision)).digest()
    journal = written(tmp_path, make, story)
    assert digests(journal)[0] == expected.hex()
    rows = journal.decisions().collect()
    assert rows["previous_hash"][0] == ZERO_HASH.hex()
    assert rows["previous_hash"].to_list()[1:] == rows["hash"].to_list()[:-1]
    assert rows["hash"][-1] == expected.hex()


# Bytes of a decision at version 2 and a fill at version 1, so that no release changes digests unawares.
PINNED_DECISION = "5d3c3c4781a9b677ca4f29e3514117d5235c9637920d18acbbb7eafd5a1750cc"
PINNED_FILL = "6b6868d0f56d4814fd34ee9cf13bfb76cec96f755cbb2c0d672c9227c4f7992f"


def test_the_canonical_bytes_are_pinned(make: Any) -> None:
    assert hashlib.sha256(decision_bytes(make.decision(1))).hexdigest() == PINNED_DECISION
    assert hashlib.sha256(fill_bytes(make.fill(1))).hexdigest() == PINNED_FILL


def test_every_field_enters_the_hash(make: Any) -> None:
    changed: dict[type, Callable[[Any], Any]] = {
        int: lambda value: value + 1,
        float: lambda value: value + 1e-9,
        str: lambda value: value + "x",
        tuple: lambda value: value[:-1],
        dict: lambda value: {**value, "regime": 0} if "regime" in value else {**value, "risk": 1},
    }

    def each(record: Any) -> list[Any]:
        return [
            replace(
                record,
                **{field.name: changed[type(getattr(record, field.name))](getattr(record, field.name))},
            )
            for field in fields(record)
            if field.name not in ("signal", "refusal")  # A refusal is the reason of its record.
        ]

    decision: DecisionRecord = make.decision(1)
    fill: Fill = make.fill(1)
    signal: Signal = decision.signal
    decisions = [decision, *each(decision), *(replace(decision, signal=other) for other in each(signal))]
    assert len(decisions) == 1 + (len(fields(DecisionRecord)) - 1) + len(fields(Signal)) - 1
    assert len({decision_bytes(record) for record in decisions}) == len(decisions)
    fills = [fill, *each(fill)]
    assert len({fill_bytes(record) for record in fills}) == 1 + len(fields(Fill))


def test_absent_is_not_zero_nor_empty(make: Any) -> None:
    for name, nothing in (
        ("size", 0),
        ("price", 0),
        ("equity", 0),
        ("fee_bps", 0.0),
        ("route", ""),
        ("client_id", ""),
        ("sizing", ""),
    ):
        absent = decision_bytes(make.decision(1, **{name: None}))
        assert absent != decision_bytes(make.decision(1, **{name: nothing})), name
    assert decision_bytes(make.decision(1, signal={"p": None})) != decision_bytes(
        make.decision(1, signal={"p": 0.0})
    )
    for name, nothing in (("regime", ""), ("threshold", 0.0), ("p_outcomes", 0.0), ("depth", 0)):
        absent = decision_bytes(make.decision(1, signal={name: None}))
        assert absent != decision_bytes(make.decision(1, signal={name: nothing})), name


def test_every_part_of_a_vote_and_an_argument_enters_the_hash(make: Any) -> None:
    signal: Signal = make.decision(1).signal
    voice, said = signal.voices[0], signal.arguments[0]
    others = [
        replace(voice, **change)
        for change in (
            {"engine": "x"},
            {"side": -voice.side},
            {"p": None},
            {"p": 0.61},
            {"weight": 0.5},
            {"edge_bps": 1.0},
            {"approved": False},
            {"debate": None},
            {"debate": 0.1},
        )
    ]
    changed = [replace(signal, voices=(other, *signal.voices[1:])) for other in others]
    spoken = [replace(said, **{name: "x"}) for name in ("engine", "stance", "rule", "text")]
    changed += [replace(signal, arguments=(other, *signal.arguments[1:])) for other in spoken]
    made = {decision_bytes(replace(make.decision(1), signal=one)) for one in (signal, *changed)}
    assert len(made) == 1 + len(others) + len(spoken)


def test_texts_do_not_run_into_each_other(make: Any) -> None:
    one = make.decision(1, reason="ab", route="c")
    other = make.decision(1, reason="a", route="bc")
    assert decision_bytes(one) != decision_bytes(other)


def test_floats_count_to_a_billionth_and_mappings_by_key(make: Any) -> None:
    base = make.decision(1, signal={"score": 0.5})
    assert decision_bytes(make.decision(1, signal={"score": 0.5 + 1e-12})) == decision_bytes(base)
    assert decision_bytes(make.decision(1, signal={"score": 0.5 + 2e-9})) != decision_bytes(base)
    zero = decision_bytes(make.decision(1, signal={"score": 0.0}))
    assert zero == decision_bytes(make.decision(1, signal={"score": -0.0}))
    turned = dict(reversed(base.caps.items()))
    assert decision_bytes(replace(base, caps=turned)) == decision_bytes(base)


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_slicing_does_not_enter_the_digest(
    data: st.DataObject, make: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    decisions = [make.decision(n) if n % 2 else make.denied(n) for n in range(12)]
    fills = [make.fill(n) for n in range(7)]
    directory = tmp_path_factory.mktemp("sliced")
    whole = written(directory / "whole", make, [make.desk(decisions=decisions, fills=fills, end={})])

    cuts = st.lists(st.integers(0, 12), max_size=8).map(sorted)
    first, second = data.draw(cuts), data.draw(cuts)
    edges = [0, *first, 12]
    fill_edges = [0, *second, 12]
    length = max(len(edges), len(fill_edges)) - 1
    edges += [12] * (length + 1 - len(edges))
    fill_edges += [12] * (length + 1 - len(fill_edges))
    sliced = [
        make.desk(
            number,
            decisions=decisions[edges[number] : edges[number + 1]],
            fills=fills[fill_edges[number] : fill_edges[number + 1]],
        )
        for number in range(length)
    ]
    writer = JournalWriter(directory / "cut", make.instruments, make.run)
    for record in sliced:
        writer.write([record])
        if data.draw(st.booleans()):
            writer.snapshot()
    writer.write([make.desk(length, end={})])
    writer.close()
    cut = Journal.open(directory / "cut")
    assert digests(cut) == digests(whole)
    assert cut.verify().ok


finite = st.floats(-1e9, 1e9)
i64 = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=8)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_record_survives_the_tables(data: st.DataObject, make: Any, tmp_path_factory: Any) -> None:
    draw = data.draw
    decision = DecisionRecord(
        signal=make.signal(
            1,
            trace=draw(st.integers(0, 2**64 - 1)),
            side=draw(st.sampled_from([-1, 1])),
            engine=draw(texts),
            score=draw(finite),
            p=draw(st.none() | finite),
            feature_hash=draw(st.integers(0, 2**64 - 1)),
            bid=draw(i64),
            ask_size=draw(i64),
        ),
        reason=draw(texts),
        fee_bps=draw(st.none() | finite),
        route=draw(st.none() | texts),
        equity=draw(st.none() | st.integers(-(10**37), 10**37)),
        scalers=draw(st.dictionaries(texts, finite, max_size=3)),
        caps=draw(st.dictionaries(texts, i64, max_size=3)),
        size=draw(st.none() | i64),
        client_id=draw(st.none() | texts),
    )
    fill = make.fill(1, trade_id=draw(i64), price=draw(i64), fee=draw(st.integers(-(10**37), 10**37)))
    directory = tmp_path_factory.mktemp("any")
    journal = written(directory, make, [make.desk(decisions=[decision], fills=[fill], end={})])
    quanta = Quanta(make.instruments)
    stored = journal.decisions().select(pl.all().to_physical()).collect().row(0, named=True)
    assert decision_from_row(stored, quanta) == decision
    stored = journal.fills().select(pl.all().to_physical()).collect().row(0, named=True)
    assert fill_from_row(stored, quanta) == fill
    assert journal.verify().ok


# Damage


def damaged(
    directory: Path, make: Any, change: Callable[[pl.DataFrame], pl.DataFrame], table: str
) -> Journal:
    records = [
        make.desk(
            number,
            decisions=[make.decision(number), make.denied(number + 100)],
            fills=[make.fill(number), make.fill(number + 100)],
        )
        for number in range(5)
    ]
    written(directory, make, [*records, make.desk(5, end={})])
    path = directory / table / "part-000000.parquet"
    change(pl.read_parquet(path)).write_parquet(path)
    return Journal.open(directory)


def cell(column: str, value: Any, row: int = 6) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        here = pl.col("sequence") == row
        new = pl.lit(value, dtype=frame.schema[column])
        return frame.with_columns(pl.when(here).then(new).otherwise(pl.col(column)).alias(column))

    return change


@pytest.mark.parametrize("table", ["decisions", "fills"])
@pytest.mark.parametrize(
    ("change", "broken_at"),
    [
        (lambda frame: frame.filter(pl.col("sequence") != 3), 3),
        (lambda frame: frame.filter(pl.col("sequence") != 0), 0),
        (lambda frame: frame.head(-1), 9),
        (lambda frame: frame[[0, 2, 1, *range(3, 10)]], 1),
        (lambda frame: frame[[0, 1, 1, *range(2, 10)]], 2),
        (lambda frame: frame[[0, 2, 1, *range(3, 10)]].with_columns(frame["sequence"]), 1),
        (lambda frame: pl.concat([frame, frame.tail(1).with_columns(sequence=pl.lit(10, pl.Int64))]), 10),
        (cell("hash", "00" * 32), 6),
        (cell("previous_hash", "00" * 32), 6),
        (cell("price", 1), 6),
        (cell("side", 0), 6),
        (cell("instrument", "binance_usdm:NONEUSDT"), 6),
        (cell("trace", "zz"), 6),
        (cell("local_ns", None), 6),
        (cell("local_ns", 1, row=0), 0),
    ],
)
def test_damage_is_found_where_it_is(
    tmp_path: Path, make: Any, table: str, change: Callable[[pl.DataFrame], pl.DataFrame], broken_at: int
) -> None:
    found = damaged(tmp_path, make, change, table).verify()
    assert not found.ok
    assert found.first_broken == broken_at
    assert f"{table}: broken at sequence {broken_at}" in found.text()
    other = found.fills if table == "decisions" else found.decisions
    assert other.ok


def test_a_decision_with_a_changed_cap_is_found(tmp_path: Path, make: Any) -> None:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(caps=pl.col("caps").list.head(1))

    assert damaged(tmp_path, make, change, "decisions").verify().first_broken == 0


def rechained(frame: pl.DataFrame, quanta: Quanta) -> pl.DataFrame:
    """Recomputes all hashes, as a forger would."""
    previous, links = ZERO_HASH, []
    for row in frame.select(pl.all().to_physical()).iter_rows(named=True):
        following = next_hash(previous, decision_bytes(decision_from_row(row, quanta)))
        links.append((previous.hex(), following.hex()))
        previous = following
    return frame.with_columns(
        previous_hash=pl.Series([link[0] for link in links]), hash=pl.Series([link[1] for link in links])
    )


def test_a_forged_chain_does_not_fit_the_summary(tmp_path: Path, make: Any) -> None:
    quanta = Quanta(make.instruments)
    journal = damaged(
        tmp_path, make, lambda frame: rechained(cell("reason", "deny.other")(frame), quanta), "decisions"
    )
    assert "digest" in journal.verify().decisions.problem


def test_a_repeated_record_is_found_though_it_is_chained(tmp_path: Path, make: Any) -> None:
    records = [make.decision(1), make.decision(2), make.decision(1)]
    journal = written(tmp_path, make, [make.desk(decisions=records, end={})])
    assert journal.verify().first_broken == 2
    assert "repeats the record of sequence 0" in journal.verify().text()


def test_without_a_summary_it_says_what_it_cannot_tell(tmp_path: Path, make: Any) -> None:
    found = written(tmp_path, make, make.story()[:2]).verify()
    assert found.ok
    assert not found.complete
    assert "cannot be told" in found.text()
