"""The ``workflow`` command. Each group of commands stands in a file of its own; this one only gathers them."""

from __future__ import annotations

import typer

from workflow.cli import database, demo, evidence, organisation, running, scenarios

app = typer.Typer(
    name="workflow",
    help="Layered responsibility and sign-off chains · 逐级签字负责的流程引擎",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (demo, scenarios, organisation, running, evidence, database):
    module.register(app)
