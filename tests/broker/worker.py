"""A worker as a host runs it; its database, key folder and moment come from the environment."""

from __future__ import annotations

import os

from workflow import Engine, SettableClock
from workflow.acts import Open
from workflow.channels import Drop
from workflow_adapters.celery import answer, sign_off_app

app = sign_off_app(os.environ["WF_BROKER"])
engine = Engine.at(
    os.environ["WF_URL"], os.environ["WF_HOME"], clock=SettableClock(int(os.environ["WF_AT"])), durable=False
)
PART = 10


def open_part(part: int, ref: str) -> None:
    """A part of a campaign: as many items as a message is worth sending for."""
    wanted = range(part * PART, (part + 1) * PART)
    engine.open_many(
        Open(item=f"{ref}-{n:03}", flow="matter", unit="o1", campaign=ref, category="leak") for n in wanted
    )


answer(app, engine, Drop(os.environ["WF_DROP"]), more={"open": open_part})
