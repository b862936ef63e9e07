"""Rules of sense for what is owed again and again: the cycle and its day, the reading of days off, who owes it once."""

from __future__ import annotations

from workflow.definition.checking import Checking, Loc
from workflow.definition.model import Obligation
from workflow.definition.problem import Said, nearest

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST = "last"
LAST_DAY = 28  # every month has it; a later number would skip months
MONTHLY = ("month", "quarter", "half-year", "year")
DAILY = ("day", "workday")


class ObligationsChecking(Checking):
    """The obligations of a flow, and what they ask of its first stage."""

    def obligations(self) -> None:
        flow = self.flow
        if not flow.obligations:
            return
        self._received()
        for name, spec in flow.obligations.items():
            loc: Loc = ("obligations", name)
            for index, level in enumerate(spec.owed_by):
                self.known("level", level, flow.levels, (*loc, "owed-by", index))
            if spec.ladder is not None:
                self.known("ladder", spec.ladder, flow.ladder, (*loc, "ladder"))
            self._day(spec, loc)
            self._reading(spec, loc)
            self._once(name, spec, loc)
            for index, excused in enumerate(spec.excused):
                if excused.from_ is not None and excused.until is not None and excused.until < excused.from_:
                    self.say(
                        "obligation-ends-early",
                        (*loc, "excused", index, "until"),
                        f"it ends on {excused.until}, before it begins on {excused.from_}",
                        f"止期 {excused.until} 早于起期 {excused.from_}",
                    )
            if spec.until is not None and spec.until < spec.from_:
                self.say(
                    "obligation-ends-early",
                    (*loc, "until"),
                    f"it ends on {spec.until}, before it begins on {spec.from_}",
                    f"止期 {spec.until} 早于起期 {spec.from_}",
                )

    def _received(self) -> None:
        """A report is in when its first stage is left: every way out is final, and one of them says zero."""
        if not self.flow.stages:
            return
        first = self.flow.stages[0]
        for name, way in first.exits.items():
            target = self.stages.get(way.to)
            if target is not None and not target.final and target is not first:
                self.say(
                    "obligation-not-final",
                    ("stages", 0, "exits", name),
                    f"a report that is owed must be in when {first.stage} is left; {way.to} is not final",
                    f"应报事项离开阶段 {first.stage} 即为报到,而 {way.to} 不是终结阶段",
                )
        if first.zero is None:
            self.say(
                "obligation-without-zero",
                ("stages", 0, "stage"),
                "whoever has nothing to report cannot say so: the first stage knows no zero report",
                "无事项可报的单位无从零报告:首阶段未设 zero",
                expected=Said("zero: a statement of its own, signed like any report", "zero: 经签字的零报告声明"),
                severity="warning",
            )

    def _day(self, spec: Obligation, loc: Loc) -> None:
        """``on`` is what the cycle asks for."""
        on = spec.on
        if spec.every == "week":
            if on not in WEEKDAYS:
                self._wrong_day(spec, loc, "a day of the week: " + ", ".join(WEEKDAYS), "星期,如 monday")
        elif spec.every in MONTHLY:
            if on != LAST and not (isinstance(on, int) and 1 <= on <= LAST_DAY):
                self._wrong_day(
                    spec,
                    loc,
                    f"{LAST}, or a day from 1 to {LAST_DAY}: later ones skip months",
                    f"{LAST},或 1 至 {LAST_DAY} 日(更大的日数会漏月)",
                )
        elif on is not None:
            self._wrong_day(spec, loc, f"no on: every {spec.every} needs none", "此周期不写 on")

    def _wrong_day(self, spec: Obligation, loc: Loc, en: str, zh: str) -> None:
        self.say(
            "obligation-day",
            (*loc, "on") if spec.on is not None else (*loc, "every"),
            f"every {spec.every} on {spec.on} is no day",
            f"周期 {spec.every} 与日期 {spec.on} 不符",
            expected=Said(en, zh),
            actual=str(spec.on),
            hint=nearest(spec.on, WEEKDAYS) if spec.every == "week" else Said("", ""),
        )

    def _reading(self, spec: Obligation, loc: Loc) -> None:
        """A day that may fall on a holiday is read in some way, and the definition says in which. Source: R082."""
        if spec.every in DAILY:
            if spec.reading not in (None, "keep"):
                self.say(
                    "obligation-reading",
                    (*loc, "reading"),
                    f"every {spec.every} moves no day: several reports would be due on one",
                    f"周期 {spec.every} 不得顺延,否则多份报告同日到期",
                    hint=Said("write every: workday to leave days off out", "节假日不报写 every: workday"),
                )
        elif spec.reading is None:
            self.say(
                "reading-not-stated",
                (*loc, "every"),
                "the day may fall on a holiday; nothing says what then (it is kept)",
                "日期可能逢节假日,未写明如何处理(按原日期)",
                expected=Said("reading: keep, next-workday or previous-workday"),
                severity="warning",
            )

    def _once(self, name: str, spec: Obligation, loc: Loc) -> None:
        """A unit owes one report of this flow for a period: no two rules of one cycle bind one level."""
        for other, known in self.flow.obligations.items():
            if other == name:
                return
            shared = [level for level in spec.owed_by if level in known.owed_by]
            if shared and family(known.every) == family(spec.every) and not (spec.under and known.under):
                self.say(
                    "obligation-twice",
                    (*loc, "every"),
                    f"{', '.join(shared)} already owes {other} every {known.every}: one period would be owed twice",
                    f"{', '.join(shared)} 已按 {other} 每 {known.every} 应报,同一周期重复",
                )


def family(every: str) -> str:
    """Cycles whose periods have names of one form."""
    return "day" if every in DAILY else every
