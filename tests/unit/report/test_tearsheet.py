"""The page: complete, offline, and honest about runs in which nothing happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import plotly.graph_objects
import pytest

from aurora.errors import DataError, OutputError
from aurora.messages import DecisionRecord, EquityPoint, OrderEvent, Signal, SliceCount
from aurora.report import render_tearsheet
from aurora.report.figures import thin

DOCS = {"deny.net_edge": "edge after costs is below the margin", "weak_score": "score below the threshold"}


class Document(HTMLParser):
    """Elements with attributes, visible text, scripts, and whether every element was closed."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.style = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
            if tag == "script":
                self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts[-1] += data
        elif inside == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def figures(self) -> list[dict[str, Any]]:
        return json.loads(self.scripts[0]) if self.scripts else []


def render(directory: Path, **arguments: Any) -> Document:
    return Document(render_tearsheet(directory, reason_docs=DOCS, **arguments).read_text(encoding="utf-8"))


def assert_offline(document: Document) -> None:
    for tag, attributes in document.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        assert not attributes.keys() & {"src", "href", "srcset", "data", "action"}, (tag, attributes)
    assert "@import" not in document.style
    assert "url(" not in document.style


def test_a_full_run(full: Path) -> None:
    document = render(full)
    assert_offline(document)
    text = document.text
    for words in (
        "SYNTHETIC DATA",
        "f00d",
        "2025-01-02 03:04:05.000 to",
        "Data grade",
        "C <thin>",
        "120,034",
        "-1,270.5",
        '{"stale_share": 0.25}',
        "Equity and drawdown",
        "Fills over price",
        "trade.maker",
        "edge after costs is below the margin",
        "Samples without a vote",
        "fee and spread",
        "claimed p",
        "Last 50 trades",
        "9.25",
    ):
        assert words in text, words
    assert "Nothing" not in text
    # Data, plotly once, drawing.
    assert len(document.scripts) == 3
    assert sum("plotly.js v" in script[:200] for script in document.scripts) == 1
    # Equity, a price per instrument, reasons, abstentions, costs, calibration.
    assert len(document.figures) == 7
    places = {attributes.get("id") for tag, attributes in document.elements if tag == "div"}
    assert {figure["id"] for figure in document.figures} <= places
    # The last trades come first; the newest of them is still open.
    rows = [tag for tag, _ in document.elements if tag == "tr"]
    assert len(rows) > 50
    assert "open" in text


def test_every_figure_is_valid_plotly(full: Path) -> None:
    for figure in render(full).figures:
        plotly.graph_objects.Figure(data=figure["data"], layout=figure["layout"])


def test_fills_are_told_apart(full: Path) -> None:
    price = render(full).figures[1]
    symbols = {trace["name"]: trace["marker"]["symbol"] for trace in price["data"][1:]}
    assert symbols == {
        "buy, maker": "triangle-up",
        "buy, taker": "triangle-up-open",
        "sell, maker": "triangle-down",
        "sell, taker": "triangle-down-open",
    }
    drawn = sum(len(trace["x"]) for trace in price["data"][1:])
    other = sum(len(trace["x"]) for trace in render(full).figures[2]["data"][1:])
    assert drawn + other == 199  # a hundred entries, one of them not left yet


def test_rendering_twice_gives_the_same_bytes(full: Path, tmp_path: Path) -> None:
    first = render_tearsheet(full)
    assert first == full / "tearsheet.html"
    second = render_tearsheet(full, tmp_path / "new" / "other.html")
    assert first.read_bytes() == second.read_bytes()


def test_text_from_the_run_is_escaped(write: Callable[..., Path], empty_desk: Callable[..., Any]) -> None:
    evil = "</script><script>alert(1)</script>"
    decision = DecisionRecord(signal(1), evil)
    directory = write(
        empty_desk(decisions=[decision], faults=[evil]), data_quality={evil: {"grade": evil, evil: evil}}
    )
    document = render(directory)
    assert len(document.scripts) == 3
    assert evil in document.text


def signal(number: int) -> Signal:
    return Signal(
        *(number, "binance_usdm:ETHUSDT", number, "lead_lag", 1, 0.1, None, 0.1, 1.0, 1, 1, 1, 2, 3, 4),
    )


def test_a_run_without_anything(write: Callable[..., Path]) -> None:
    document = render(write())
    assert_offline(document)
    assert "Nothing happened, because there was not one sample" in document.text
    assert "SYNTHETIC" not in document.text
    assert "The run recorded no data quality." in document.text
    assert document.scripts == []


def test_a_run_without_decisions_says_why(write: Callable[..., Path], empty_desk: Callable[..., Any]) -> None:
    slices = [SliceCount(0, 0, "binance_usdm:ETHUSDT", 1_200, 0, {"weak_score": 1_000, "warming_up": 200})]
    text = render(write(empty_desk(slices=slices))).text
    assert (
        "Nothing happened, because no engine voted on any of 1,200 samples: "
        "weak_score (score below the threshold) 1,000 times, warming_up 200 times." in text
    )


def test_a_run_without_orders_says_why(write: Callable[..., Path], empty_desk: Callable[..., Any]) -> None:
    decisions = [DecisionRecord(signal(number), "deny.net_edge") for number in range(3)]
    text = render(write(empty_desk(decisions=decisions))).text
    assert (
        "Nothing was traded: all 3 signals ended before an order, because "
        "deny.net_edge (edge after costs is below the margin) 3 times." in text
    )


def test_a_run_without_fills_and_without_end(
    write: Callable[..., Path], empty_desk: Callable[..., Any]
) -> None:
    order = OrderEvent(1, "c", 1, "binance_usdm:ETHUSDT", "entry", "placed", 1, "limit", 1, None, 1, 0, "")
    point = EquityPoint(1, 10**8, 10**8, 0, {}, {"binance_usdm:ETHUSDT": float("nan")})
    given = empty_desk(decisions=[DecisionRecord(signal(1), "trade.maker")], orders=[order], equity=[point])
    directory = write(given, end=False)
    text = render(directory).text
    assert "Nothing was filled: the market came to none of the orders sent (1)." in text
    assert "This run has not ended" in text


def test_what_cannot_be_read_or_written_is_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"run\.json"):
        render_tearsheet(tmp_path)
    directory = write()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file"):
        render_tearsheet(directory, tmp_path / "file" / "page.html")


def test_thinning_keeps_extremes() -> None:
    times = list(range(100_000))
    values = [float(number % 1_000) for number in times]
    values[54_321], values[77_777] = -5.0, 5_000.0
    at, kept = thin(times, values, most=400)
    assert len(kept) <= 400
    assert at == sorted(set(at))
    assert (at[0], at[-1]) == (0, 99_999)
    assert {-5.0, 5_000.0} <= set(kept)
    assert all(values[moment] == value for moment, value in zip(at, kept, strict=True))
