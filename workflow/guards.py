"""Guards of a host: conditions that no definition can say, because the answer stands in the host's own system.

A flow names them (``gate: {guards: [stock-checked]}``) and never says how they are answered: definitions hold no code. A
package offers one as an entry point of the group ``workflow.guards``, or a host registers it:

    def stock_checked(about: About) -> Said | str | None:
        return None if stock.holds(about.unit) else Said("the stock is not checked", "库存未核对")

    guards.register("stock-checked", stock_checked)

It is asked wherever the gate is looked at, also when somebody only asks what may be done: it reads, and changes nothing. None
means the way is open, a text why it is not. The answer goes on record with the act that rested on it, so that a replay years
later asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import entry_points

from workflow.errors import Said, Unknown, near

ENTRY_POINTS = "workflow.guards"


@dataclass(frozen=True)
class About:
    """What a guard is asked about: an item in a stage, on a day (YYYY-MM-DD, in the flow's time zone)."""

    item: str
    flow: str
    unit: str
    level: str
    stage: str
    campaign: str
    day: str


Guard = Callable[[About], "Said | str | None"]

_registered: dict[str, Guard] = {}
_supposed: ContextVar[bool] = ContextVar("supposed", default=False)


def register(name: str, guard: Guard) -> None:
    """Make a guard known to this process."""
    _registered[name] = guard


def installed() -> list[str]:
    """The names of all guards that can be asked here."""
    return sorted({*_registered, *(point.name for point in entry_points(group=ENTRY_POINTS))})


@contextmanager
def supposed() -> Iterator[None]:
    """Where a flow is only tried out, a guard that is not installed counts as open."""
    token = _supposed.set(True)
    try:
        yield
    finally:
        _supposed.reset(token)


def answer(name: str, about: About) -> dict[str, str]:
    """What a guard says, as a fact to be recorded: nothing in it means open, else why not, in both languages.

    Raises:
        Unknown: no guard of that name is installed. Whatever the guard raises passes through; nothing is written then.
    """
    guard = _registered.get(name)
    if guard is None:
        found = next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
        if found is None:
            if _supposed.get():
                return {}
            hint = near(name, installed(), Said("; none is installed here", ";此处未安装任何条件"))
            raise Unknown(kind=Said("guard", "外部条件"), name=name, hint=hint)
        guard = _registered[name] = found.load()
    said = guard(about)
    if said is None:
        return {}
    return {"en": str(said), "zh": said.zh if isinstance(said, Said) else str(said)}
