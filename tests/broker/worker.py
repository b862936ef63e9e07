"""A worker as a host runs it; its database, key folder and moment come from the environment."""

from __future__ import annotations

import os

from workflow import Engine, SettableClock
from workflow.channels import Drop
from workflow_adapters.celery import answer, sign_off_app

app = sign_off_app(os.environ["WF_BROKER"])
engine = Engine.at(
    os.environ["WF_URL"], os.environ["WF_HOME"], clock=SettableClock(int(os.environ["WF_AT"])), durable=False
)
answer(app, engine, Drop(os.environ["WF_DROP"]))
