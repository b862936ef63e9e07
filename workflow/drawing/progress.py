"""Where an item stands: every stay it had, who has signed where it is now, who is awaited, and by when."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.case import Case
from workflow.clock import local_day, moment
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.drawing.picture import Line, Progress, Visit
from workflow.errors import Language
from workflow.rules.reckoning import NEVER
from workflow.store import queries

_WORDS = {
    "signed": ("done", "✓", "signed", "已签"),
    "open": ("open", "●", "awaited", "待办"),
    "waiting": ("waiting", "○", "later", "未到"),
    "not-needed": ("waiting", "–", "not needed", "无须"),
    "overridden": ("waiting", "△", "passed over by two persons, signed by nobody", "两人同意越过,无人签批"),
}


def progress(desk: Desk, item: str, lang: Language) -> tuple[Definition, Progress]:
    """An item's definition and its progress.

    Raises:
        Unknown: no such item.
    """
    case, definition = desk.case_of(item)
    zone, now = definition.flow.timezone, desk.now()
    visits = []
    for stay in queries.stays(desk.connection, item):
        entered = local_day(stay["entered_at"], zone).isoformat()
        left = local_day(stay["left_at"], zone).isoformat() if stay["left_at"] else entered if case.final else ""
        visits.append(Visit(stay["stage"], entered, left, stay["exit"] or ""))
    return definition, Progress(item, tuple(visits), tuple(_lines(definition, case, now, zone, lang)))


def _lines(definition: Definition, case: Case, now: int, zone: str, lang: Language) -> Iterator[Line]:
    zh = lang == "zh"
    for slot in case.slots:
        kind, mark, en, word = _WORDS[slot.state]
        spec = definition.flow.posts.get(slot.post)
        post = spec.title.get(lang) if spec is not None else slot.post
        person = f" {slot.person}" if slot.person else ""
        yield Line(kind, f"{mark} {post} @ {slot.unit}{person} ({word if zh else en})")
    for rule, due in case.dues.items():
        if due["missed"] == NEVER:
            yield Line("due", f"{rule}: {'已中止计时' if zh else 'paused'}")
            continue
        day = local_day(due["missed"] - 1, zone)
        late = now >= due["missed"]
        word = ("已逾期" if zh else "overdue") if late else ("时限" if zh else "due")
        upcoming = (
            f"; {'下一次督办' if zh else 'next rung'} {moment(due['next'], zone):%Y-%m-%d}" if due["next"] else ""
        )
        yield Line("due", f"{word} {day} ({rule}){upcoming}")
