"""All commands under one name."""

from __future__ import annotations

import typer

from aurora import __version__
from aurora.cli.data import data_app
from aurora.cli.data_catalogue import convert, list_days, verify
from aurora.cli.demo import demo
from aurora.cli.explain import explain
from aurora.cli.features import features_app
from aurora.cli.ledger import ledger_app
from aurora.cli.replay import replay
from aurora.cli.report import report

app = typer.Typer(
    name="aurora",
    help="Trades crypto perpetual futures from order-book microstructure, and proves every decision it took.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"aurora {__version__}")
        raise typer.Exit


@app.callback()
def _common(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True)) -> None:
    pass


app.command()(demo)
app.command()(replay)
data_app.command()(convert)
data_app.command("list")(list_days)
data_app.command()(verify)
app.add_typer(data_app, name="data")
app.add_typer(features_app, name="features")
app.add_typer(ledger_app, name="ledger")
app.command()(explain)
app.command()(report)
