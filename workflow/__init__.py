"""Signed responsibility, level by level: a workflow engine that a host application embeds."""

from workflow.acts import Act, Actor
from workflow.clock import Clock, SettableClock, SystemClock
from workflow.definition.load import load, loads
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import Refused, WorkflowError
from workflow.receipt import Receipt, Shown
from workflow.recording import Prepared
from workflow.sweep import tick

__all__ = [
    "Act",
    "Actor",
    "Clock",
    "Desk",
    "Engine",
    "Prepared",
    "Receipt",
    "Refused",
    "SettableClock",
    "Shown",
    "SystemClock",
    "WorkflowError",
    "load",
    "loads",
    "tick",
]
