"""A dry run of many acts at once: what each would come to, by the same rules and the same bodies as the acts themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field, create_model

from workflow.acts import Act, Open, Signature
from workflow.evidence.content import MemoryContentStore
from workflow.seen import Seen
from workflow.together import Moving
from workflow.verbs import Verbs
from workflow_adapters.rest.bodies import Body, verbs
from workflow_adapters.rest.problems import TYPE

MOST = 500  # acts of one call
KINDS = ("open", "sign", "decide", "accept", "send_back", "close_out", "look_back")


def _one(name: str) -> type[Body]:
    """The body of a verb, with its name and the item beside."""
    title = f"Foresee{name.title().replace('_', '')}"
    item: Any = (str, Field(min_length=1, max_length=64))
    verb: Any = (Literal[name], ...)
    return create_model(title, __base__=verbs()[name].body, verb=verb, item=item)


Wanted: Any = Annotated[Union[tuple(_one(name) for name in KINDS)], Field(discriminator="verb")]  # noqa: UP007


class Foresee(Body):
    acts: list[Wanted] = Field(min_length=1, max_length=MOST)


class _Maker(Verbs):
    """Makes the act of a verb and does nothing with it; what it keeps (minutes) goes with it."""

    def __init__(self) -> None:
        self.contents = MemoryContentStore()

    def act(self, act: Act, **_: Any) -> Any:
        return act


def foreseen(seen: Seen, given: Foresee, person: str) -> list[dict[str, Any]]:
    """What each act would come to, in the order given; nothing is written. What the caller may not see is not there."""
    return [_told(one) for one in seen.foresee([_made(one, person) for one in given.acts])]


def _made(one: Any, person: str) -> Signature | Open:
    arguments = {**verbs()[one.verb].arguments(one, person), "item": one.item}
    act = getattr(_Maker(), one.verb)(**arguments)
    assert isinstance(act, (Signature, Open))
    return act


def _told(one: Moving) -> dict[str, Any]:
    if one.refusal is not None:
        return {
            "item": one.item,
            "allowed": False,
            "type": TYPE + one.refusal.code,
            "detail": one.refusal.text("en"),
            "detail_zh": one.refusal.text("zh"),
        }
    before, after = one.before, one.after
    return {
        "item": one.item,
        "allowed": True,
        "stage": before.stage if before is not None and before.item else "",
        "stage_after": after.stage if after is not None else "",
        "final": after is not None and after.final,
        "effects": [str(e["e"]) for e in one.effects],
    }
