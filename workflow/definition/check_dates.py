"""Rules of sense for dates and spans: nodes in order, years with a calendar, spans that are no time at all."""

from __future__ import annotations

from datetime import date
from functools import cache

from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.definition.checking import Checking, minutes
from workflow.definition.model import Rung
from workflow.definition.problem import Said
from workflow.definition.shipped import shipped_calendar, shipped_calendars
from workflow.errors import CalendarMissing


@cache
def _shipped(name: str) -> Calendar:
    return load_calendar(shipped_calendar(name))


class DatesChecking(Checking):
    """Dates of nodes and lengths of spans."""

    def dates(self) -> None:
        self._order()
        self._years()
        for name, material in self.flow.materials.items():
            self.lasts(material.keep_for, ("materials", name, "keep-for"))
            for code, spec in material.fields.items():
                self.lasts(spec.keep_for, ("materials", name, "fields", code, "keep-for"))
        for name, rungs in self.flow.ladder.items():
            for index, rung in enumerate(rungs):
                for key, span in (("before", rung.before), ("after", rung.after)):
                    self.not_for_ever(span, ("ladder", name, index, key))
        self._early_reminders()

    def _order(self) -> None:
        """Stages that follow one another in the file have nodes that do not run backwards. Source: S0, R067."""
        names = list(dict.fromkeys(s.due.node for s in self.flow.stages if s.due is not None and s.due.node))
        for name, node_set in self.flow.nodes.items():
            before: str | None = None
            for node in names:
                if node not in node_set.nodes:
                    continue
                day = node_set.nodes[node].on
                if before is not None and day < node_set.nodes[before].on:
                    self.say(
                        "nodes-out-of-order",
                        ("nodes", name, "nodes", node),
                        f"the node {node} ({day}) comes before {before} ({node_set.nodes[before].on}), whose stage stands first",
                        f"节点 {node}({day})早于其前阶段的节点 {before}({node_set.nodes[before].on})",
                        expected=Said(
                            f"{node_set.nodes[before].on} or later", f"{node_set.nodes[before].on} 或其后的日期"
                        ),
                        actual=str(day),
                    )
                else:
                    before = node
            for node, spec in node_set.nodes.items():
                if spec.on < node_set.in_force:
                    self.say(
                        "node-before-in-force",
                        ("nodes", name, "nodes", node),
                        f"the node {node} ({spec.on}) had passed when its set took force on {node_set.in_force}",
                        f"节点 {node}({spec.on})早于本版本生效日 {node_set.in_force}",
                        expected=Said(
                            f"a date on or after {node_set.in_force}, or no such node",
                            f"{node_set.in_force} 或其后的日期,或删去该节点",
                        ),
                        actual=str(spec.on),
                        severity="warning",
                    )

    def _years(self) -> None:
        """A working day is counted only in a year whose calendar is published; a later one is never guessed."""
        if self.flow.calendar not in shipped_calendars():
            return
        calendar = _shipped(self.flow.calendar)
        ladders = {s.due.node: s.due.ladder for s in self.flow.stages if s.due is not None and s.due.node is not None}
        for name, node_set in self.flow.nodes.items():
            for node, spec in node_set.nodes.items():
                rungs = self.flow.ladder.get(ladders.get(node, ""), ())
                year = _unpublished(calendar, spec.on, rungs)
                if year:
                    self.say(
                        "calendar-year-missing",
                        ("nodes", name, "nodes", node),
                        f"the node {node} ({spec.on}) or its ladder needs the working days of {year}, which are not published",
                        f"节点 {node}({spec.on})或其督办需用 {year} 年工作日,该年日历尚未公布",
                        expected=Said(
                            f"a date in {', '.join(map(str, calendar.years))}; or add the year to the calendar",
                            "日历已公布年度内的日期,或在日历中补充该年度",
                        ),
                        actual=str(spec.on),
                        hint=Said("dues in such a year stay provisional", "该年度内的时限只能暂定"),
                        severity="warning",
                    )

    def _early_reminders(self) -> None:
        """A reminder that would come before the stage begins comes at once, which nobody means."""
        for index, stage in enumerate(self.flow.stages):
            due = stage.due
            if due is None or due.within is None or due.within.n == 0:
                continue
            for rung in self.flow.ladder.get(due.ladder, ()):
                if rung.before is not None and minutes(rung.before) >= minutes(due.within):
                    self.say(
                        "reminder-too-early",
                        ("stages", index, "due"),
                        f"{due.ladder} reminds {rung.before} before the end of a due of {due.within}: before it begins",
                        f"督办 {due.ladder} 于到期前 {rung.before} 催办,而时限仅 {due.within}:尚未开始",
                        expected=Said(
                            f"more than {rung.before}, or a ladder of its own", f"长于 {rung.before},或另设督办"
                        ),
                        actual=str(due.within),
                        severity="warning",
                    )
                    break


def _unpublished(calendar: Calendar, day: date, rungs: tuple[Rung, ...]) -> int | None:
    """The first year that is needed and not published."""
    if day.year not in calendar.years:
        return day.year
    for rung in rungs:
        if rung.after is not None and rung.after.unit == "workdays":
            try:
                calendar.add_workdays(day, rung.after.n)
            except CalendarMissing:
                return day.year + 1
    return None
