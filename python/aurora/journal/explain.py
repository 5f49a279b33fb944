"""The story of one decision, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .exact import plain, utc
from .trades import TradeResult, trade_result

_SIDES = {1: "buy", -1: "sell"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything the journal knows of one trace. Rows are as in the tables: exact decimals, nanoseconds."""

    decision: dict[str, Any]
    reason_doc: str
    """The reason's meaning in one line; empty when nobody gave it."""
    binding_caps: tuple[str, ...]
    """The limits that allowed the least size; several when they tie, none when sizing was not reached."""
    smallest_scalers: tuple[str, ...]
    """The scalers that shrank the size most; none when all are 1."""
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    trade: TradeResult | None
    """None when nothing was filled."""

    @property
    def trace(self) -> str:
        return str(self.decision["trace"])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: decimals as text, times as nanoseconds, the decision's also readable as ``utc``."""
        decision = {key: value for key, value in self.decision.items() if key not in ("scalers", "caps")}
        decision["scalers"] = {pair["name"]: pair["value"] for pair in self.decision["scalers"]}
        decision["caps"] = {pair["name"]: pair["size"] for pair in self.decision["caps"]}
        trade = None
        if self.trade is not None:
            names = ("fills", "side", "entered", "position", "entry_price", "exit_price", "fees")
            trade = {name: getattr(self.trade, name) for name in (*names, "opened_ns", "closed_ns")}
            trade |= {"flat": self.trade.flat, "gross": self.trade.gross, "net": self.trade.net}
        told = {
            "trace": self.trace,
            "utc": utc(self.decision["local_ns"]),
            "decision": decision,
            "reason_doc": self.reason_doc,
            "binding_caps": list(self.binding_caps),
            "smallest_scalers": list(self.smallest_scalers),
            "orders": self.orders,
            "fills": self.fills,
            "outcomes": [{**row, "verdict": verdict(row)} for row in self.outcomes],
            "trade": trade,
        }
        return dict(_with_text(told))

    def text(self) -> str:
        """Some lines for a terminal."""
        row = self.decision
        lines = [f"{row['trace']}  {row['instrument']}  {utc(row['local_ns'])}", ""]
        sections = (
            ("Signal", self._signal()),
            ("Votes", self._votes()),
            ("Costs", self._costs()),
            ("Size", self._size()),
            ("Decision", self._reason()),
            ("Orders", self._orders()),
            ("Fills", self._fills()),
            ("Result", self._result()),
            ("Outcome", self._outcomes()),
        )
        for title, told in sections:
            for index, line in enumerate(told):
                lines.append(f"{title if index == 0 else '':<10}{line}")
        return "\n".join(lines) + "\n"

    def _signal(self) -> list[str]:
        row = self.decision
        p = "no calibrated p yet" if row["p"] is None else f"p {row['p']:.4f} that the side is right"
        return [
            f"{_side(row['side'])}, engine {row['engine']}, horizon {_seconds(row['horizon_ns'])}",
            f"score {row['score']:+.4f} (log-odds of up), {p}, consensus {row['consensus']:+.4f}",
            f"expected edge {row['gross_edge_bps']:.2f} bps before costs",
            f"book {plain(row['bid_size'])} @ {plain(row['bid'])} | "
            f"{plain(row['ask_size'])} @ {plain(row['ask'])}",
            f"features {row['feature_hash']}",
        ]

    def _votes(self) -> list[str]:
        row = self.decision
        told = []
        for voice in row["voices"]:
            p = "uncalibrated" if voice["p"] is None else f"p {voice['p']:.4f}"
            weight = f"weight {voice['weight']:.3f}" if voice["approved"] else "not approved by the regime"
            score = "" if voice["debate"] is None else f", debate {voice['debate']:.2f}"
            told.append(f"{voice['engine']}: {_side(voice['side'])}, {p}, {weight}{score}")
        told += [f"  {said['stance']} {said['engine']}: {said['text']}" for said in row["arguments"]]
        if row["regime"] is not None:
            limit = "" if row["threshold"] is None else f", |consensus| has to exceed {row['threshold']:.4f}"
            told.append(f"regime {row['regime']}{limit}")
        return told or ["none were recorded"]

    def _costs(self) -> list[str]:
        row = self.decision
        if row["cost_bps"] is None:
            return ["not priced: the decision fell before"]
        terms = [
            f"{name} {row[column]:.2f}"
            for name, column in (("fees", "fee_bps"), ("half-spread", "half_spread_bps"))
            if row[column] is not None
        ]
        route = f" as {row['route']}" if row["route"] else ""
        net = "unknown" if row["net_edge_bps"] is None else f"{row['net_edge_bps']:.2f} bps"
        within = f" ({', '.join(terms)})" if terms else ""
        return [f"{row['cost_bps']:.2f} bps for the round trip{route}{within}; net edge {net}"]

    def _size(self) -> list[str]:
        row = self.decision
        told = []
        if row["equity"] is not None:
            told.append(f"equity {plain(row['equity'])}")
        if row["caps"]:
            caps = ", ".join(f"{pair['name']} {plain(pair['size'])}" for pair in row["caps"])
            told += [f"limits: {caps}", f"binding: {', '.join(self.binding_caps)}"]
        if row["scalers"]:
            scalers = " × ".join(f"{pair['name']} {pair['value']:.4g}" for pair in row["scalers"])
            most = f"; most by {', '.join(self.smallest_scalers)}" if self.smallest_scalers else ""
            told.append(f"scaled by {scalers}{most}")
        if row["size"] is not None:
            price = "" if row["price"] is None else f" @ {plain(row['price'])}"
            told.append(f"size {plain(row['size'])}{price}")
        return told or ["not sized: the decision fell before"]

    def _reason(self) -> list[str]:
        told = [self.decision["reason"] + (f": {self.reason_doc}" if self.reason_doc else "")]
        if self.decision["policy_hash"]:
            told.append(f"policy {self.decision['policy_hash']}")
        return told

    def _orders(self) -> list[str]:
        return [self._order(row) for row in self.orders] or ["none"]

    def _order(self, row: Mapping[str, Any]) -> str:
        terms = [
            self._since(row["local_ns"]),
            f"{row['leg']} {row['event']}:",
            f"{_side(row['side'])} {plain(row['size'])}",
        ]
        if row["price"] is not None:
            terms.append(f"@ {plain(row['price'])}")
        if row["trigger"] is not None:
            terms.append(f"trigger {plain(row['trigger'])}")
        terms.append(row["order_type"])
        if row["cumulative"]:
            terms.append(f"filled {plain(row['cumulative'])}")
        terms.append(f"[{row['client_id']}]")
        return " ".join(terms) + (f" {row['detail']}" if row["detail"] else "")

    def _fills(self) -> list[str]:
        return [
            f"{self._since(row['local_ns'])} {row['leg']}: {_side(row['side'])} {plain(row['size'])} "
            f"@ {plain(row['price'])} {row['liquidity']}, fee {plain(row['fee'])}, "
            f"touch {plain(row['bid'])} | {plain(row['ask'])}"
            for row in self.fills
        ] or ["none"]

    def _result(self) -> list[str]:
        trade = self.trade
        if trade is None:
            return ["nothing filled, no P&L"]
        if trade.gross is None or trade.net is None:
            return [f"still open: position {plain(trade.position)}, fees so far {plain(trade.fees)}"]
        return [f"flat: gross {_signed(trade.gross)}, fees {plain(trade.fees)}, net {_signed(trade.net)}"]

    def _outcomes(self) -> list[str]:
        told = []
        for row in self.outcomes:
            if row["return_bps"] is None:
                moved = "the book was unusable: nobody can tell"
            else:
                moved = f"the mid had moved {row['return_bps']:+.2f} bps: {row['engine']} was {verdict(row)}"
            told.append(f"{utc(row['due_ns'])} {moved}")
        return told or ["not known yet: the run ended before the horizon"]

    def _since(self, nanoseconds: int) -> str:
        return f"{(nanoseconds - self.decision['local_ns']) / 1e9:+.6f} s"


def verdict(outcome: Mapping[str, Any]) -> str | None:
    """``right``, ``wrong`` or ``neither`` (the mid stood still); None when the book was unusable."""
    if outcome["return_bps"] is None:
        return None
    signed = outcome["return_bps"] * outcome["side"]
    return "right" if signed > 0 else "wrong" if signed < 0 else "neither"


def explain(
    decision: dict[str, Any],
    orders: Sequence[dict[str, Any]],
    fills: Sequence[dict[str, Any]],
    outcomes: Sequence[dict[str, Any]],
    reason_docs: Mapping[str, str],
) -> Explanation:
    """Puts the rows of one trace together."""
    caps, scalers = decision["caps"], decision["scalers"]
    least = min((pair["size"] for pair in caps), default=None)
    smallest = min((pair["value"] for pair in scalers), default=1.0)
    return Explanation(
        decision=decision,
        reason_doc=reason_docs.get(decision["reason"], ""),
        binding_caps=tuple(pair["name"] for pair in caps if pair["size"] == least),
        smallest_scalers=tuple(p["name"] for p in scalers if p["value"] == smallest and smallest < 1.0),
        orders=sorted(orders, key=_when),
        fills=sorted(fills, key=_when),
        outcomes=sorted(outcomes, key=lambda row: row["due_ns"]),
        trade=trade_result(fills) if fills else None,
    )


def _when(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["local_ns"], row["sequence"]


def _with_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {key: _with_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text(item) for item in value]
    return value


def _side(side: int) -> str:
    return _SIDES.get(side, "none")


def _signed(value: Decimal) -> str:
    return plain(value) if value < 0 else f"+{plain(value)}"


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:g} s"
