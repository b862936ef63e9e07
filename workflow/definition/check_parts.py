"""Rules of sense for the parts that stages use: head, posts, nodes, materials, chains, ladders."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, available_timezones

from workflow.definition.checking import Checking, Loc, minutes
from workflow.definition.model import RELATIVE, Chain, FieldSpec, Material, Rung
from workflow.definition.problem import Said, nearest
from workflow.definition.shipped import shipped_calendars

COLOURS = ("blue", "yellow", "orange", "red")

COMPILED = ("category", "stands-at", "items")  # what a register is added up by


class PartsChecking(Checking):
    """The parts, from top to bottom."""

    def parts(self) -> None:
        self._head()
        self._posts()
        self._nodes()
        self._materials()
        self._chains()
        self._ladders()
        self._counters()

    def _head(self) -> None:
        flow = self.flow
        if not _zone_exists(flow.timezone):
            self.say(
                "unknown-timezone",
                ("timezone",),
                f"no time zone called {flow.timezone}",
                f"没有名为 {flow.timezone} 的时区",
                expected=Said(
                    "a name of the IANA time zone database, such as Asia/Shanghai", "IANA 时区名,如 Asia/Shanghai"
                ),
                actual=flow.timezone,
                hint=_nearest_zone(flow.timezone),
            )
        for calendar, at in (
            (flow.calendar, ("calendar",)),
            *((c, ("calendars", u)) for u, c in flow.calendars.items()),
        ):
            if calendar not in shipped_calendars() and not self.beside(calendar, "calendars"):
                self.say(
                    "unknown-calendar",
                    at,
                    f"the calendar {calendar} neither ships with the library nor stands beside this file",
                    f"日历 {calendar} 既非随附日历,也不在本文件旁",
                    expected=Said(", ".join(shipped_calendars())),
                    actual=calendar,
                    hint=nearest(calendar, shipped_calendars()),
                    severity="warning",
                )
        for code in flow.titles.keys() - self._titled():
            self.say(
                "title-of-nothing",
                ("titles", code),
                f"{code} is no level, way out, node, ladder, proposed flow, obligation, claim or choice of this flow",
                f"{code} 不是本流程的层级、去向、节点、督办阶梯、建议启动的流程、报送义务、申报或选项",
                expected=Said("a code of this flow that has no title of its own", "本流程中自身没有名称(title)的代码"),
                hint=nearest(code, self._titled()),
                severity="warning",
                key=True,
            )
        if not flow.levels:
            self.say("no-level", ("levels",), "no level is named", "未列出任何层级")
        for index, level in enumerate(flow.levels):
            if level in flow.levels[:index]:
                self.say(
                    "duplicate-level", ("levels", index), f"the level {level} stands here twice", f"层级 {level} 重复"
                )
            if level in RELATIVE:
                self.say(
                    "reserved-name",
                    ("levels", index),
                    f"{level} means a unit relative to the item; a level cannot be called so",
                    f"{level} 指相对单位,不能作层级名",
                )
        for name in flow.watch_class:
            if name in flow.categories:
                self.say(
                    "duplicate-category",
                    ("watch-class", name),
                    f"the category {name} is also in categories",
                    f"类别 {name} 已列入 categories",
                    key=True,
                )

    def _titled(self) -> set[str]:
        """The codes that ``titles`` may name."""
        flow = self.flow
        return {
            *flow.levels,
            *flow.ladder,
            *(name for stage in flow.stages for name in stage.exits),
            *(node for nodes in flow.nodes.values() for node in nodes.nodes),
            *(rung.item for rungs in flow.ladder.values() for rung in rungs if rung.item is not None),
            *flow.obligations,
            *(way.claims for stage in flow.stages for way in stage.exits.values() if way.claims is not None),
            *(choice for m in flow.materials.values() for field in m.fields.values() for choice in field.choices or ()),
        }

    def _posts(self) -> None:
        posts = self.flow.posts
        if not any(p.first_responsible for p in posts.values()):
            self.say(
                "no-first-responsible",
                ("posts",),
                "no post is first-responsible: nobody would answer first",
                "没有第一责任人职务",
                expected=Said(
                    "first-responsible: true at one post at least", "至少一个职务写明 first-responsible: true"
                ),
                key=True,
            )
        if "responsible" in posts:
            self.say(
                "reserved-name",
                ("posts", "responsible"),
                "responsible means whoever has the duty; a post cannot be called so",
                "responsible 指负有责任者,不能作职务代码",
                key=True,
            )

        for index, post in enumerate(self.flow.wet_ink):
            self.known("post", post, posts, ("wet-ink", index))
        if (rests := self.flow.suspend) is not None:
            for index, who in enumerate(rests.by):
                self.who(who, ("suspend", "by", index))
            self.who(rests.starts.duty, ("suspend", "starts", "duty"))
            self.known("ladder", rests.starts.ladder, self.flow.ladder, ("suspend", "starts", "ladder"))

    def _nodes(self) -> None:
        first: dict[str, str] = {}
        for name, node_set in self.flow.nodes.items():
            day = node_set.in_force.isoformat()
            if day in first:
                self.say(
                    "duplicate-in-force",
                    ("nodes", name, "in-force"),
                    f"the node sets {first[day]} and {name} are both in force from {day}",
                    f"节点版本 {first[day]} 与 {name} 的生效日同为 {day}",
                    expected=Said("a day of its own for each set", "各版本生效日不同"),
                )
            first.setdefault(day, name)

    def _materials(self) -> None:
        for name, material in self.flow.materials.items():
            for key, bound in (("at-least", material.at_least), ("at-most", material.at_most)):
                if bound is not None and material.kind != "list":
                    self.not_a_list(name, ("materials", name, key))
            if material.at_most is not None and material.at_most < max(material.at_least or 0, 1):
                self.say(
                    "min-above-max",
                    ("materials", name, "at-most"),
                    f"at-most {material.at_most} leaves no list that could be handed in",
                    f"at-most {material.at_most} 使清单无法提交",
                )
            if material.compiled is not None:
                self.near_flow(material.compiled, ("materials", name, "compiled"))
                if material.kind != "list":
                    self.not_a_list(name, ("materials", name, "compiled"))
                for code in material.fields:  # a column that the register does not have could never be handed in
                    self.known("field", code, COMPILED, ("materials", name, "fields", code), key=True)
            self._scorecard(("materials", name), material)
            for code, spec in material.fields.items():
                if material.kind != "list" and code in ("lines", "closed", "links"):
                    self.say(
                        "reserved-name",
                        ("materials", name, "fields", code),
                        f"{code} is what a list says of itself; a field of a document cannot be called so",
                        f"{code} 为清单专用,文书字段不得使用此名",
                        key=True,
                    )
                if material.kind == "scorecard" and code == "points":
                    self.say(
                        "reserved-name",
                        ("materials", name, "fields", code),
                        "points are what the parts of a scorecard are given; a field beside them cannot be called so",
                        "points 指评分表各项得分,其他字段不得使用此名",
                        key=True,
                    )
                if material.kind != "list" and code == "words" and spec.type != "text":
                    self.say(
                        "reserved-name",
                        ("materials", name, "fields", code),
                        "words stands for the texts of a document that must be its own; only a text can be called so",
                        "words 指文书中须自行撰写的文字,只有文本字段可用此名",
                        key=True,
                    )
                self._field(("materials", name, "fields", code), spec)
                if spec.line_of is not None:
                    self._line_of(("materials", name, "fields", code), material, spec)
                if spec.personal:
                    self._personal(("materials", name, "fields", code), material, code, spec)

    def _line_of(self, loc: Loc, material: Material, spec: FieldSpec) -> None:
        """A line belongs to a line of another list, by its number."""
        assert spec.line_of is not None
        if self.known("material", spec.line_of, self.flow.materials, (*loc, "line-of")):
            other = self.flow.materials[spec.line_of]
            if material.kind != "list":
                self.not_a_list(str(loc[1]), (*loc, "line-of"))
            elif other is material or other.kind != "list":
                self.not_a_list(spec.line_of, (*loc, "line-of"))
        if spec.type != "integer" or spec.masked or spec.personal:
            self.say(
                "field-not-integer",
                (*loc, "type"),
                "what names a line is its number: a whole number that is known",
                "所属条目以编号表示,须为已知的整数",
                expected=Said("type: integer", "type: integer"),
                actual=spec.type,
            )

    def _scorecard(self, loc: Loc, material: Material) -> None:
        """A scorecard has parts, and only a scorecard; each is judged in ways that the card names. Source: R130, R142."""
        if (material.kind == "scorecard") != bool(material.parts):
            self.say(
                "scorecard-parts",
                loc,
                "a scorecard needs parts, and only a scorecard has them",
                "评分表(kind: scorecard)须有 parts,其他材料不得有",
                key=True,
            )
        if "parts" in material.fields:
            self.say(
                "reserved-name",
                (*loc, "fields", "parts"),
                "parts is what a scorecard says of itself; a field cannot be called so",
                "parts 为评分表专用,字段不得使用此名",
                key=True,
            )
        if material.parts and not any(part.evidence or part.methods for part in material.parts.values()):
            self.say(
                "nothing-measured",
                loc,
                "no part of the scorecard asks for evidence or says how it is judged: nothing in it is measured",
                "评分表各项均不要求佐证、不写明评价方式:全凭印象,无可衡量",
                expected=Said(
                    "evidence, or methods, in one part at least", "至少一项要求佐证(evidence)或写明方式(methods)"
                ),
                key=True,
                severity="warning",
            )
        for code, part in material.parts.items():
            for index, method in enumerate(part.methods):
                here = (*loc, "parts", code, "methods", index)
                self.known("field", method, material.methods, here)

    def _field(self, loc: Loc, spec: FieldSpec) -> None:
        if spec.choices_from == "categories" and not self.flow.categories:
            self.known("category", "categories", (), (*loc, "choices-from"))
        if (spec.type == "choice") != (spec.choices is not None or spec.choices_from is not None):
            self.say(
                "field-choices",
                loc,
                "a choice needs choices or choices-from, and only a choice has them",
                "choice 字段须有 choices 或 choices-from,其他字段不得有",
                key=True,
            )
        if spec.type == "text" and spec.max is not None and spec.max < 1:
            self.say(
                "min-above-max",
                (*loc, "max"),
                f"no text has at most {spec.max} characters",
                f"文本最多 {spec.max} 字,无法填写",
            )
        if spec.min is not None and spec.max is not None and spec.min > spec.max:
            self.say(
                "min-above-max",
                (*loc, "min"),
                f"min {spec.min} is above max {spec.max}",
                f"min {spec.min} 大于 max {spec.max}",
            )

    def _personal(self, loc: Loc, material: Material, code: str, spec: FieldSpec) -> None:
        """Personal data enters the evidence as commitments, so no rule can decide on it."""
        if material.kind == "tally" or code in self._decided_by():
            self.say(
                "personal-decides",
                (*loc, "personal"),
                f"rules decide on {code}, so that it cannot be erased",
                f"规则须依据 {code} 判断,不能标为个人信息",
                expected=Said(
                    "a field that no due, score, count or opening rests on", "不作期限、评分、计数、立项依据的字段"
                ),
            )
        whose = material.fields.get(spec.personal) if isinstance(spec.personal, str) else None
        if isinstance(spec.personal, str) and (whose is None or whose.type != "person"):
            self.say(
                "personal-of-whom",
                (*loc, "personal"),
                f"personal names {spec.personal}, which is no field of type person beside {code}",
                f"personal 所指 {spec.personal} 不是同一材料中的人员字段",
            )

    def _decided_by(self) -> set[str]:
        """The fields that rules rest on, whichever material they stand in."""
        found: set[str] = set()
        for stage in self.flow.stages:
            found |= {stage.due.field} if stage.due is not None and stage.due.field else set()
            found |= {stage.score.field} if stage.score is not None else set()
            if stage.assess is not None:
                for source in stage.assess.sources.values():
                    found |= {x for x in (source.field, source.part, source.whole) if x}
                for floor in stage.assess.floors.values():
                    found |= {x for x in (floor.part, floor.whole) if x}
            found |= set(stage.zero.counts) if stage.zero is not None else set()
            for way in stage.exits.values():
                if way.opens is not None:
                    found |= {name for name in (way.opens.unit_by, way.opens.exit_by) if name}
        return found

    def _chains(self) -> None:
        for name, chain in self.flow.chains.items():
            loc: Loc = ("chains", name)
            if chain.levels is None and not chain.steps:
                self.say(
                    "empty-chain",
                    loc,
                    f"the chain {name} has no place for a signature",
                    f"签字链 {name} 没有签批环节",
                    key=True,
                )
            for index, step in enumerate(chain.steps):
                for below, leaf in step.leaves():
                    self.step(leaf, (*loc, "steps", index, *below))
            self.two_persons(chain.two_persons, (*loc, "two-persons"))
            for index, need in enumerate(chain.requires):
                self.written_or_material(need, (*loc, "requires", index))
            for index, need in enumerate(chain.return_.needs):
                if need != "date":
                    self.written_or_material(need, (*loc, "return", "needs", index))
            if "date" in chain.return_.needs:
                self.known("ladder", chain.return_.ladder, self.flow.ladder, (*loc, "return", "ladder"))
            self.apart(chain.apart, (*loc, "apart"))
            for index, who in enumerate(chain.override):
                self.who(who, (*loc, "override", index))
            if chain.levels is not None:
                self._levels(chain, loc)

    def _levels(self, chain: Chain, loc: Loc) -> None:
        levels = chain.levels
        assert levels is not None
        self.clock(levels.within, levels.ladder, (*loc, "levels"))
        order = self.flow.levels
        from_ok = self.known("level", levels.from_, ("own", *order), (*loc, "levels", "from"))
        to_ok = self.known("level", levels.to, ("own", "superior", "top", *order), (*loc, "levels", "to"))
        both = from_ok and to_ok and levels.from_ in order and levels.to in order
        if both and order.index(levels.from_) > order.index(levels.to):
            self.say(
                "chain-not-rising",
                (*loc, "levels", "to"),
                f"the chain runs from {levels.from_} down to {levels.to}",
                f"签字链由 {levels.from_} 向下到 {levels.to}",
                expected=Said(f"a level from {levels.from_} upward", f"{levels.from_} 或其以上层级"),
                actual=levels.to,
            )
        inner: list[tuple[str, Loc]] = [(levels.each, (*loc, "levels", "each"))]
        for level, name in levels.at.items():
            self.known("level", level, order, (*loc, "levels", "at", level), key=True)
            inner.append((name, (*loc, "levels", "at", level)))
        for name, where in inner:
            if self.known("chain", name, self.flow.chains, where) and self.flow.chains[name].levels is not None:
                self.say(
                    "chain-nested",
                    where,
                    f"the chain {name} itself climbs levels; inside a level stand single steps only",
                    f"签字链 {name} 本身逐级上行,层级之内只能是单级环节",
                )

    def _ladders(self) -> None:
        for name, rungs in self.flow.ladder.items():
            last: int | None = None
            for index, rung in enumerate(rungs):
                loc: Loc = ("ladder", name, index)
                for field, whos in (("to", rung.to), ("whom", rung.whom)):
                    for at, who in enumerate(whos):
                        self.who(who, (*loc, field, at), ("responsible",))
                lacking = [f for f, whos in (("to", rung.to), ("whom", rung.whom)) if not whos]
                if rung.do == "propose" and lacking:
                    self.say(
                        "proposal-without-recipient",
                        loc,
                        f"a proposal needs {' and '.join(lacking)}",
                        f"建议须写明 {'、'.join(lacking)}",
                        expected=Said("to: who decides; whom: whom it concerns", "to: 由谁决定;whom: 针对谁"),
                    )
                elif not rung.to:
                    self.say("rung-without-recipient", (*loc, "to"), "a reminder needs a recipient", "催办须有对象")
                if rung.item is not None:
                    self.near_flow(rung.item, (*loc, "item"))
                moment = _moment(rung)
                if last is not None and (moment < last or rung in rungs[:index]):
                    self.say(
                        "ladder-not-rising",
                        (*loc, "before" if rung.before else "after"),
                        f"this rung of {name} does not come after the one above it",
                        f"{name} 的此项督办措施不晚于上一项",
                        expected=Said(
                            "before: descending, then after: ascending", "先 before 由多到少,后 after 由少到多"
                        ),
                    )
                last = moment if last is None else max(last, moment)
                colours = [COLOURS.index(r.colour) for r in rungs[:index] if r.colour is not None]
                if rung.colour is not None and colours and COLOURS.index(rung.colour) < max(colours):
                    highest = COLOURS[max(colours)]
                    self.say(
                        "colour-falls",
                        (*loc, "colour"),
                        f"this rung of {name} is {rung.colour}, after one that was {highest}",
                        f"{name} 的此项为 {rung.colour},而前项已为 {highest}",
                        expected=Said(f"{highest} or graver: a ladder is never stepped down", f"{highest} 或更重"),
                        actual=rung.colour,
                    )

    def _counters(self) -> None:
        """A counter counts the lines of a list: a person, a day and a person each; and some way out puts them on it."""
        used = {e.counts for s in self.flow.stages for e in s.exits.values()}
        for name, counter in self.flow.counters.items():
            loc: Loc = ("counters", name)
            lines = self.lines_of(counter.list, (*loc, "list"), None)
            for key, code, wanted in (
                ("person", counter.person, "person"),
                ("held-on", counter.held_on, "date"),
                ("held-by", counter.held_by, "person"),
            ):
                if lines is None or not self.known("field", code, lines.fields, (*loc, key)):
                    continue
                spec = lines.fields[code]
                if spec.type != wanted or not spec.required:
                    self.say(
                        "counter-field",
                        (*loc, key),
                        f"what is counted needs a {wanted} in every line; {code} is {spec.type}"
                        + ("" if spec.required else " and may be left out"),
                        f"计次须每行写明 {wanted};字段 {code} 为 {spec.type}" + ("" if spec.required else ",且可不填"),
                        expected=Said(f"{code}: {wanted}"),
                    )
            for at, who in enumerate(counter.to):
                self.who(who, (*loc, "to", at))
            if not counter.to:
                self.say("proposal-without-recipient", (*loc, "to"), "a proposal needs to", "建议须写明 to")
            self.near_flow(counter.propose, (*loc, "propose"))
            if name not in used:
                self.say(
                    "counter-never-counts",
                    loc,
                    f"no way out puts anything on {name}",
                    f"没有流转去向计入 {name}",
                    expected=Said(f"counts: {name} at the exit of what was held", f"在相应流转去向写 counts: {name}"),
                    severity="warning",
                    key=True,
                )


def _moment(rung: Rung) -> int:
    """When a rung comes, in minutes from the due."""
    if rung.before is not None:
        return -minutes(rung.before)
    return minutes(rung.after) if rung.after is not None else 0


def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return bool(name)


_CITIES = {  # towns without a zone of their own, as people write them
    **dict.fromkeys(("beijing", "peking", "china", "chongqing", "cst", "北京", "上海", "中国"), "Asia/Shanghai"),
    **dict.fromkeys(("hong kong", "hongkong", "香港"), "Asia/Hong_Kong"),
    **dict.fromkeys(("macao", "macau", "澳门"), "Asia/Macau"),
    **dict.fromkeys(("taibei", "taipei", "台北"), "Asia/Taipei"),
    **dict.fromkeys(("urumqi", "wulumuqi", "乌鲁木齐"), "Asia/Urumqi"),
}


def _nearest_zone(name: str) -> Said:
    known = available_timezones()
    town = re.split(r"[/_ ]", name.strip().lower(), maxsplit=1)[-1]
    meant = (
        _CITIES.get(name.strip().lower()) or _CITIES.get(town) or _CITIES.get(re.sub("(时间|市)+$", "", name.strip()))
    )
    if meant is not None:
        return nearest(meant, [meant])
    if re.fullmatch(r"(?:utc|gmt)? ?\+0?8(?::?00)?", name.strip().lower()):
        return nearest("Asia/Shanghai", ["Asia/Shanghai"])
    return nearest(name, known) or nearest(f"Asia/{name}".title(), known)
