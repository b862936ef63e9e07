"""Ids, stages and moments in the words of a language."""

from __future__ import annotations

from collections.abc import Sequence

from workflow.clock import moment
from workflow.definition.definition import Definition
from workflow.demo.frame import RECTIFY, ZONE
from workflow.demo.tables import Paper
from workflow.desk import Desk
from workflow.store.org import OrgReader

LEVELS = {
    "group": ("集团", "group"),
    "second": ("二级", "2nd level"),
    "third": ("三级", "3rd level"),
    "organisation": ("支部", "branch"),
    "regulator": ("监管机构", "regulator"),
}


class Wording:
    """Names things of one database for one paper."""

    def __init__(self, desk: Desk, paper: Paper) -> None:
        self.paper = paper
        self.lang = paper.lang
        self.flow = desk.engine.newest(desk.connection, RECTIFY)
        self.org = OrgReader(desk.connection)
        self._names: dict[str, dict[str, str]] = {}

    def name(self, id_: str) -> str:
        """A unit's or person's name, without the mark that all of them are invented (the first line says so)."""
        if id_ not in self._names:
            self._names.update(self.org.names([id_]))
        held = self._names.get(id_, {"zh": id_, "en": id_})[self.lang]
        return held.replace("(虚构)", "").replace(" (invented)", "")

    def people(self, ids: Sequence[str]) -> str:
        return self.paper.say("、", ", ").join(self.name(i) for i in ids) or "—"

    def at(self, us: int) -> str:
        return moment(us, ZONE).strftime("%m-%d %H:%M")

    def level(self, name: str) -> str:
        return self.paper.say(*LEVELS.get(name, (name, name)))

    def category(self, name: str) -> str:
        flow = self.flow.flow
        held = flow.categories.get(name) or flow.watch_class.get(name)
        return held.get(self.lang) if held else name

    def stage(self, name: str, definition: Definition | None = None) -> str:
        held = (definition or self.flow).stage(name).title
        title = held.get(self.lang) if held is not None else name
        return title.split("(")[0].split("(")[0].strip()
