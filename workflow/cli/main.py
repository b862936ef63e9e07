"""The ``workflow`` command. Each group of commands stands in a file of its own; this one only gathers them."""

from __future__ import annotations

import io
import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from workflow.cli import (
    access,
    assessing,
    backups,
    ballots,
    bundles,
    campaigns,
    database,
    demo,
    drafting,
    drawings,
    draws,
    erasing,
    evidence,
    importing,
    irregular,
    keys,
    likening,
    lint,
    logs,
    opening,
    organisation,
    owing,
    places,
    proving,
    rungs,
    running,
    scenarios,
    simulating,
    starting,
    times,
    tracing,
    versions,
    visiting,
)
from workflow.cli.usage import Command

app = typer.Typer(
    name="workflow",
    cls=Command,
    help="Layered responsibility and sign-off chains · 逐级签字负责的流程引擎",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (
    demo,
    drawings,
    draws,
    starting,
    scenarios,
    importing,
    simulating,
    lint,
    organisation,
    opening,
    places,
    running,
    rungs,
    tracing,
    versions,
    irregular,
    campaigns,
    visiting,
    times,
    owing,
    evidence,
    logs,
    keys,
    bundles,
    database,
    backups,
    ballots,
    erasing,
    access,
    assessing,
    likening,
    drafting,
    proving,
):
    module.register(app)
for found in entry_points(group="workflow.commands"):  # of adapters, which the library itself does not know
    found.load().register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("signoff-workflow"))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version · 显示版本")
    ] = False,
) -> None:
    """Layered responsibility and sign-off chains · 逐级签字负责的流程引擎"""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that cannot show a character shows a mark in its place
