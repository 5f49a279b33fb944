"""The page around the figures: markup, style and the lines that draw; nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1c2430; --soft: #667085; --line: #e3e7ee;
  --card: #f7f8fa; --warn: #b45309; --good: #15803d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --text: #e6e9ef; --soft: #98a2b3;
  --line: #2a313d; --card: #1a202a; --warn: #fbbf24; --good: #4ade80; --bad: #f87171; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 28px 24px 64px; background: var(--page);
  color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 18px; margin: 40px 0 8px; }
h3 { font-size: 15px; margin: 20px 0 4px; }
code, .digits { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13px; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
.synthetic { display: inline-block; margin-left: 12px; padding: 2px 10px; border: 2px solid var(--warn);
  border-radius: 6px; color: var(--warn); font-size: 14px; font-weight: 700; vertical-align: middle; }
.notice { border-left: 4px solid var(--warn); background: var(--card); padding: 10px 14px; margin: 16px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px;
  margin: 20px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
.card b { display: block; font-size: 19px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.card span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } td.wide { white-space: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.figure { width: 100%; }
@media print { body { max-width: none; padding: 0; } }
"""

SCRIPT = """
(function () {
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function draw() {
    var style = getComputedStyle(document.documentElement);
    var text = style.getPropertyValue("--text").trim(), line = style.getPropertyValue("--line").trim();
    figures.forEach(function (figure) {
      var layout = Object.assign({
        margin: {l: 70, r: 20, t: 30, b: 50}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)"
      }, JSON.parse(JSON.stringify(figure.layout)));
      layout.modebar = {bgcolor: "rgba(0,0,0,0)", color: line, activecolor: text};
      layout.font = {color: text, family: "system-ui, sans-serif", size: 13};
      ["xaxis", "yaxis", "yaxis2"].forEach(function (axis) {
        if (axis !== "yaxis2" || layout.yaxis2) {
          var common = {gridcolor: line, zerolinecolor: line, automargin: true};
          layout[axis] = Object.assign(common, layout[axis]);
        }
      });
      Plotly.react(figure.id, JSON.parse(JSON.stringify(figure.data)), layout,
        {responsive: true, displaylogo: false, displayModeBar: "hover", plotlyServerURL: "",
         modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]]});
    });
  }
  draw();
  dark.addEventListener("change", draw);
})();
"""


@dataclass(slots=True)
class Page:
    """Collects sections and figures in order; :meth:`html` puts them together."""

    title: str
    body: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.body.append(f"<h2>{escape(text)}</h2>")

    def subheading(self, text: str) -> None:
        self.body.append(f"<h3>{escape(text)}</h3>")

    def paragraph(self, text: str, style: str = "") -> None:
        self.body.append(f'<p class="{style}">{escape(text)}</p>')

    def raw(self, markup: str) -> None:
        """Markup that is already escaped."""
        self.body.append(markup)

    def cards(self, cards: Iterable[tuple[str, str, str]]) -> None:
        """Label, value and style (``good``, ``bad`` or none) of each number."""
        inner = "".join(
            f'<div class="card"><b class="{style}">{escape(value)}</b><span>{escape(label)}</span></div>'
            for label, value, style in cards
        )
        self.body.append(f'<div class="cards">{inner}</div>')

    def figure(self, figure: dict[str, Any]) -> None:
        name = f"figure-{len(self.figures)}"
        self.figures.append({"id": name, **figure})
        self.body.append(f'<div class="figure" id="{name}"></div>')

    def table(self, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> None:
        """``columns``: heading and style (``number``, ``digits``, ``wide`` or none) of each."""
        head = "".join(f'<th class="{style}">{escape(name)}</th>' for name, style in columns)
        lines = "".join(
            "<tr>"
            + "".join(
                f'<td class="{style}">{escape(cell)}</td>'
                for cell, (_, style) in zip(row, columns, strict=True)
            )
            + "</tr>"
            for row in rows
        )
        self.body.append(
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
        )

    def html(self, plotly: str) -> str:
        """The whole document; ``plotly``: source of plotly.js, left out when there is nothing to draw."""
        drawing = ""
        if self.figures:
            # "<" could end the script element early; in JSON it has another spelling.
            figures = json.dumps(self.figures, allow_nan=False).replace("<", "\\u003c")
            drawing = (
                f'<script type="application/json" id="figures">{figures}</script>\n'
                f"<script>{plotly}</script>\n<script>{SCRIPT}</script>\n"
            )
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head>\n<body>\n"
            + "\n".join(self.body)
            + f"\n{drawing}</body></html>\n"
        )
