"""From a ``*.test.yaml`` to a suite, or to every fault in it, each with its place and the nearest known name.

The text is read as flow files are (``workflow.definition.source``). Names are held against the flows and the
organisation at once, so that a typo is told here and does not show up as a refusal later. Only where a step expects a
refusal may outcomes, lists and materials be wrong: that may be the point of the step.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from workflow import errors
from workflow.clock import micros
from workflow.definition.definition import Definition
from workflow.definition.grammar import MAX_BYTES
from workflow.definition.load import load
from workflow.definition.problem import NOTHING, Problem, Said, nearest, render, shown
from workflow.definition.shipped import shipped_flow
from workflow.definition.source import read
from workflow.errors import DefinitionInvalid, Unknown, why_not
from workflow.org.importing import OrgImport
from workflow.org.model import ALWAYS, Parent, Person, Tenure, Unit
from workflow.rules.obligations import STATES
from workflow.scenario.model import VERBS, Body, Expect, Post, Rung, Scenario, Step, Suite

Loc = tuple[str | int, ...]

_TOP = ("flow", "campaign", "org", "scenarios")
_SCENARIO = ("scenario", "name", "start", "given", "steps")
_STEP = ("at", "by", "person", "do", "item", "expect", "note")
_EXPECT = (
    *("stage", "round", "open", "refused", "names", "dues", "rungs", "items", "class", "category", "final", "as"),
    *("owed", "flagged"),
)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ITEM = re.compile(r"(?P<flow>[a-z0-9-]+)@(?P<unit>[^#]+)(#[1-9]\d*)?")
CLASSES = ("register", "watch", "unannounced", "carried-out", "none")
CAPACITIES = ("holder", "acting", "backstop")


def load_suite(path: str | Path) -> Suite:
    """The scenario tests in a file, with the flows they need: from files beside it, else those that ship.

    Raises:
        DefinitionInvalid: with every fault, in file order.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = why_not(error)
        said = Said(f"the file cannot be read: {why}", f"无法读取文件:{why.zh}")
        raise _refusal(str(path), [Problem("unreadable-file", str(path), 1, 1, said)]) from error
    return read_suite(raw, str(path))


def read_suite(raw: bytes, file: str) -> Suite:
    """The scenario tests in the bytes of a file; ``file`` is also where flows are looked for. Raises as ``load_suite``."""
    reader = _Reader(raw, file)
    suite = reader.suite()
    if suite is None or reader.problems:
        raise _refusal(file, sorted(reader.problems, key=lambda p: (p.line, p.column)))
    return suite


def _refusal(file: str, problems: Sequence[Problem]) -> DefinitionInvalid:
    listing = Said(*("\n".join(render(p, lang) for p in problems) for lang in ("en", "zh")))
    return DefinitionInvalid(count=len(problems), file=file, listing=listing, problems=list(problems))


def refusal_codes() -> tuple[str, ...]:
    """Every code that an act may be refused with."""
    found: list[str] = []
    waiting: list[type[errors.WorkflowError]] = [errors.WorkflowError]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        found.append(cls.code)
    return tuple(sorted(found))


class _Reader:
    """One file under examination; gathers problems and goes on."""

    def __init__(self, raw: bytes, file: str) -> None:
        self.source = read(raw, file)
        self.file = file
        self.problems: list[Problem] = list(self.source.problems)
        self.definitions: tuple[Definition, ...] = ()
        self.units: dict[str, Unit] = {}
        self.persons: dict[str, None] = {}
        self.codes: list[str] = []
        self.zone = ZoneInfo("UTC")

    # How problems are said.

    def say(
        self,
        code: str,
        loc: Loc,
        en: str,
        zh: str,
        *,
        expected: Said = NOTHING,
        actual: str = "",
        hint: Said = NOTHING,
        key: bool = False,
    ) -> None:
        positions = self.source.positions
        place = positions.key(*loc) if key else positions.at(*loc)
        self.problems.append(positions.problem(code, place, Said(en, zh), expected, actual, hint))

    def known(self, noun: Said, name: object, names: Collection[str], loc: Loc, *, key: bool = False) -> bool:
        """Whether a name is one of the known ones; if not, says so with the nearest."""
        if isinstance(name, str) and name in names:
            return True
        listed = ", ".join(names)
        self.say(
            f"unknown-{noun.replace(' ', '-')}",
            loc,
            f"no {noun} called {shown(name, 40)}",
            f"没有名为 {shown(name, 40)} 的{noun.zh}",
            expected=Said(f"one of {listed}", f"{listed} 之一") if listed else NOTHING,
            actual=shown(name, 40),
            hint=nearest(name, names),
            key=key,
        )
        return False

    def map(
        self, value: object, loc: Loc, needs: Iterable[str] = (), takes: Iterable[str] | None = ()
    ) -> dict[str, Any]:
        """A map with these keys; ``takes=None`` means any others. What is no map is told and read as an empty one."""
        if not isinstance(value, dict):
            expected = Said("a map of keys and values", "“键: 值”")
            self.say("wrong-type", loc, f"expected {expected}", f"应为{expected.zh}", actual=shown(value, 40))
            return {}
        for name in needs:
            if name not in value:
                self.say("missing-key", loc, f"the key {name} is missing", f"缺少键 {name}", key=bool(loc))
        if takes is not None:
            known = (*needs, *takes)
            for name in [n for n in value if n not in known]:
                self.known(Said("key", "键"), name, known, (*loc, name), key=True)
        return value

    def text(self, value: object, loc: Loc) -> str:
        if isinstance(value, str):
            return value
        self.say(
            "wrong-type",
            loc,
            "expected a text",
            "应为文本",
            actual=shown(value, 40),
            hint=Said(f'put it in quotes: "{shown(value, 20)}"', f'请加引号:"{shown(value, 20)}"'),
        )
        return ""

    def whole(self, value: object, loc: Loc) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.say("wrong-type", loc, "expected a whole number", "应为整数", actual=shown(value, 40))
        return 0

    def many(self, value: object, loc: Loc) -> list[tuple[Loc, Any]]:
        """The entries of a list with their places; a single entry stands for a list of one."""
        if isinstance(value, list):
            return [((*loc, i), v) for i, v in enumerate(value)]
        return [(loc, value)]

    def moment(self, value: object, loc: Loc) -> int | None:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            try:
                return micros(datetime.fromisoformat(value).replace(tzinfo=self.zone))
            except ValueError:
                pass
        self._not_a(Said("moment such as 2019-08-21 10:00", "时刻,如 2019-08-21 10:00"), "not-a-moment", value, loc)
        return None

    def day(self, value: object, loc: Loc, also: Collection[str] = ()) -> str:
        if isinstance(value, str) and (value in also or _DAY.fullmatch(value)):
            return value
        self._not_a(Said("date such as 2019-10-31", "日期,如 2019-10-31"), "not-a-date", value, loc)
        return ""

    def _not_a(self, what: Said, code: str, value: object, loc: Loc) -> None:
        self.say(code, loc, f"expected a {what}", f"应为{what.zh}", actual=shown(value, 40))

    # The parts, from top to bottom.

    def suite(self) -> Suite | None:
        if not isinstance(self.source.data, dict) or self.problems:
            return None
        top = self.map(self.source.data, (), ("flow", "org", "scenarios"), _TOP)
        before = len(self.problems)
        self._flows(top.get("flow", ""))
        if not self.definitions or len(self.problems) > before:
            return None  # every level and post of a flow that cannot be read would be told as unknown here
        given = self.map(top.get("org", {}), ("org",), ("units", "posts"), ("bodies",))
        org = self._org(given)
        bodies = self._bodies(given)
        self.zone = ZoneInfo(self.definitions[0].flow.timezone)
        scenarios = tuple(self._scenario(v, loc) for loc, v in self.many(top.get("scenarios", []), ("scenarios",)))
        campaign = self.text(top.get("campaign", "test"), ("campaign",))
        return Suite(self.file, self.definitions[0], self.definitions[1:], org, scenarios, campaign, bodies)

    def _flows(self, name: object) -> None:
        """The flow under test, and every flow that it or one of these opens items of."""
        found: dict[str, Definition] = {}
        waiting = [name]
        while waiting:
            name = waiting.pop(0)
            if not isinstance(name, str) or name in found:
                continue
            beside = Path(self.file).parent / f"{name}.yaml"
            try:
                definition = load(beside if "/" not in name and beside.is_file() else shipped_flow(name))
            except Unknown as error:
                self.say("unknown-flow", ("flow",), error.text("en"), error.text("zh"))
                continue
            except DefinitionInvalid as error:
                self.problems += error.facts["problems"]
                continue
            found[name] = definition
            flow = definition.flow
            waiting += [r.item for rungs in flow.ladder.values() for r in rungs if r.item is not None]
            waiting += [s.zero.contradicted.flow for s in flow.stages if s.zero is not None and s.zero.contradicted]
            waiting += [c.propose for c in flow.counters.values()]
            waiting += [e.opens.flow for s in flow.stages for e in s.exits.values() if e.opens is not None]
            gates = [s.gate for s in flow.stages if s.gate is not None]
            waiting += [prior.flow for gate in gates for prior in gate.prior]
            waiting += [every.flow for gate in gates for every in gate.everyone]
            judged = [s.assess for s in flow.stages if s.assess is not None]
            waiting += [source.flow for a in judged for source in a.sources.values() if source.flow is not None]
            waiting += [near for s in flow.stages if s.compare is not None for near in s.compare.with_]
        self.definitions = tuple(found.values())

    def _org(self, given: dict[str, Any]) -> OrgImport:
        levels = {level: None for d in self.definitions for level in d.flow.levels}
        parents: list[Parent] = []
        loc: Loc = ("org", "units")
        units = self.map(given.get("units", {}), loc, takes=None)
        for name, value in units.items():
            spec = {"level": value} if isinstance(value, str) else value
            spec = self.map(spec, (*loc, name), ("level",), ("parent", "entrusted", "established"))
            self.known(Said("level", "层级"), spec.get("level"), levels, (*loc, name, "level"))
            established = ALWAYS if spec.get("established", True) else None
            titles = (f"虚构单位 {name}", f"invented unit {name}")
            self.units[name] = Unit(name, str(spec.get("level", "")), *titles, len(self.units) + 1, established)
            if "parent" in spec and self.known(Said("unit", "单位"), spec["parent"], units, (*loc, name, "parent")):
                parents.append(Parent(name, spec["parent"], "managing", ALWAYS))
            if "entrusted" in spec and self.known(
                Said("unit", "单位"), spec["entrusted"], units, (*loc, name, "entrusted")
            ):
                parents.append(Parent(name, spec["entrusted"], "entrusted", ALWAYS))
        tenures: list[Tenure] = []
        many: set[str] = set()
        for name, value in self.map(given.get("posts", {}), ("org", "posts"), takes=None).items():
            at: Loc = ("org", "posts", name)
            post = self.post(name, at, key=True)
            entries = self.many(value, at)
            for where, entry in entries:
                spec = {"person": entry} if isinstance(entry, str) else entry
                spec = self.map(spec, where, ("person",), ("from", "until", "acting"))
                person = self.text(spec.get("person", ""), (*where, "person"))
                if post is None or not person:
                    continue
                self.persons[person] = None
                first = self.day(spec["from"], (*where, "from")) if "from" in spec else ALWAYS
                until = self.day(spec["until"], (*where, "until")) if "until" in spec else None
                acting = spec.get("acting", False) is True
                code = f"{person}-{post[0]}-{post[1]}-{first}"
                tenures.append(Tenure(code, person, post[1], post[0], first, until, acting))
            if len(entries) > 1 and post is not None:
                many.add(post[0])
        persons = tuple(Person(p, f"虚构人员 {p}", f"invented person {p}") for p in self.persons)
        return OrgImport(
            units=tuple(self.units.values()),
            parents=tuple(parents),
            persons=persons,
            tenures=tuple(tenures),
            many_holders=frozenset(many),
        )

    def _bodies(self, given: dict[str, Any]) -> tuple[Body, ...]:
        """Bodies whose members sit anywhere: ``bureau: {of: r1, members: [nominator@c1], looks-after: [e1]}``."""
        found: list[Body] = []
        for name, value in self.map(given.get("bodies", {}), ("org", "bodies"), takes=None).items():
            at: Loc = ("org", "bodies", name)
            spec = self.map(value, at, ("of", "members", "looks-after"), ("kind",))
            units = [*self.many(spec.get("looks-after", []), (*at, "looks-after")), ((*at, "of"), spec.get("of"))]
            known = [self.known(Said("unit", "单位"), unit, self.units, where) for where, unit in units]
            seats = [self.post(v, where) for where, v in self.many(spec.get("members", []), (*at, "members"))]
            if all(known):
                after = tuple(str(unit) for _, unit in units[:-1])
                kind = self.text(spec.get("kind", "body"), (*at, "kind"))
                found.append(Body(name, kind, str(spec["of"]), tuple(s for s in seats if s is not None), after))
        return tuple(found)

    def post(self, value: object, loc: Loc, *, key: bool = False) -> Post | None:
        """``secretary@b1``: a post of one of the flows at a unit of the organisation."""
        if not isinstance(value, str) or value.count("@") != 1:
            what = "post at a unit such as secretary@b1"
            self.say(
                "not-a-post",
                loc,
                f"expected a {what}",
                "应为单位职务,如 secretary@b1",
                actual=shown(value, 40),
                key=key,
            )
            return None
        post, unit = value.split("@")
        posts = {p: None for d in self.definitions for p in d.flow.posts}
        good = self.known(Said("post", "职务"), post, posts, loc, key=key)
        good &= self.known(Said("unit", "单位"), unit, self.units, loc, key=key)
        return (post, unit) if good else None

    def _scenario(self, value: object, loc: Loc) -> Scenario:
        spec = self.map(value, loc, ("scenario", "name", "steps"), _SCENARIO)
        code = self.text(spec.get("scenario", ""), (*loc, "scenario"))
        if code in self.codes:
            self.say("duplicate-scenario", (*loc, "scenario"), f"{code} stands here twice", f"场景 {code} 重复")
        given = ""
        if "given" in spec and self.known(
            Said("earlier scenario", "前文场景"), spec["given"], self.codes, (*loc, "given")
        ):
            given = spec["given"]
        self.codes.append(code)
        name = spec.get("name", "")
        titles = {"zh": name, "en": name} if isinstance(name, str) else self.map(name, (*loc, "name"), ("zh", "en"))
        start = self.moment(spec["start"], (*loc, "start")) if "start" in spec else None
        if start is None and "given" not in spec and "start" not in spec:
            self.say("missing-key", loc, "start is missing, or given", "缺少 start 或 given", key=True)
        steps = [self._step(v, at) for at, v in self.many(spec.get("steps", []), (*loc, "steps"))]
        line = self.source.positions.key(*loc)[0]
        return Scenario(code, titles.get("zh", ""), titles.get("en", ""), line, start or 0, given, tuple(steps))

    def _step(self, value: object, loc: Loc) -> Step:
        line = self.source.positions.at(*loc)[0]
        do = value.get("do", "") if isinstance(value, dict) else ""
        verb = VERBS.get(do) if isinstance(do, str) else None
        if do and verb is None:
            self.known(Said("act", "办理动作"), do, VERBS, (*loc, "do"))
            return Step(line)
        needs = (*verb.needs, *(("by",) if verb.by else ())) if verb else ()
        spec = self.map(value, loc, needs, (*_STEP, *(verb.takes if verb else ())))
        expect = self._expect(spec.get("expect", {}), (*loc, "expect"))
        args = {k: v for k, v in spec.items() if k not in _STEP}
        self._args(args, loc, refused=expect.refused is not None)
        by = self.post(spec["by"], (*loc, "by")) if "by" in spec else None
        person = spec.get("person", "")
        if person:
            self.known(Said("person", "人员"), person, self.persons, (*loc, "person"))
        item = spec.get("item", "")
        if item and do != "open":
            self._item(item, (*loc, "item"))
        at = self.moment(spec["at"], (*loc, "at")) if "at" in spec else None
        return Step(line, do, at, by, str(person), str(item), args, expect)

    def _item(self, value: object, loc: Loc) -> None:
        """An item opened by a step under a name of its own, or ``flow@unit`` for one opened behind another."""
        match = _ITEM.fullmatch(value) if isinstance(value, str) else None
        if match:
            self.known(Said("flow", "流程"), match["flow"], [d.name for d in self.definitions], loc)
            self.known(Said("unit", "单位"), match["unit"], self.units, loc)

    def _args(self, args: Mapping[str, Any], loc: Loc, *, refused: bool) -> None:
        flows = [d.flow for d in self.definitions]
        exits = {name: None for f in flows for s in f.stages for name in s.exits}
        materials = {name: None for f in flows for name in f.materials}
        for name, value in args.items():
            at: Loc = (*loc, name)
            if name == "unit":
                self.known(Said("unit", "单位"), value, self.units, at)
            elif name == "flow":
                self.known(Said("flow", "流程"), value, [f.flow for f in flows], at)
            elif name in ("leaver", "successor"):
                self.known(Said("person", "人员"), value, self.persons, at)
            elif name == "straight":
                if not isinstance(value, bool):
                    self.say("wrong-type", at, "expected true or false", "应为 true 或 false")
            elif name == "on":
                self.day(value, at)
            elif name in ("lead", "signer", "reader", "registrar") or (name == "until" and value):
                self.post(value, at)
            elif name in ("no", "roll", "papers", "keys"):
                self.whole(value, at)
            elif name == "answers":
                self.map(value, at, takes=None)
            elif name == "due" and not refused:
                self.day(value, at)
            elif name == "fields":
                self.map(value, at, takes=None)
            elif name == "materials":
                for material in self.map(value, at, takes=None):
                    if not refused:
                        self.known(Said("material", "材料"), material, materials, (*at, material), key=True)
            elif refused:
                continue
            elif name == "outcome":
                self.known(Said("exit", "流转去向"), value, exits, at)
            elif name == "list":
                self.known(Said("material", "材料"), value, materials, at)
            elif name == "category":
                self.known(Said("category", "类别"), value, self._categories(), at)
            elif name == "nodes":
                self.known(Said("node set", "节点版本"), value, {n: None for f in flows for n in f.nodes}, at)
            elif name == "content":
                contents = {s.notice.content: None for f in flows for s in f.stages if s.notice is not None}
                self.known(Said("notice", "公示内容"), value, contents, at)
            else:
                self.text(value, at)

    def _categories(self) -> dict[str, None]:
        return {c: None for d in self.definitions for c in (*d.flow.categories, *d.flow.watch_class)}

    def _expect(self, value: object, loc: Loc) -> Expect:
        spec = self.map(value, loc, (), _EXPECT)
        if not spec:
            return Expect()
        stages = {s.stage: None for d in self.definitions for s in d.flow.stages}
        if "stage" in spec:
            self.known(Said("stage", "阶段"), spec["stage"], stages, (*loc, "stage"))
        if "refused" in spec:
            self.known(Said("refusal", "拒绝代码"), spec["refused"], refusal_codes(), (*loc, "refused"))
        if "class" in spec:
            self.known(Said("class", "类"), spec["class"], CLASSES, (*loc, "class"))
        if "category" in spec:
            self.known(Said("category", "类别"), spec["category"], self._categories(), (*loc, "category"))
        if "as" in spec:
            self.known(Said("capacity", "身份"), spec["as"], CAPACITIES, (*loc, "as"))
        if "final" in spec and not isinstance(spec["final"], bool):
            self.say("wrong-type", (*loc, "final"), "expected true or false", "应为 true 或 false")
        if "owed" in spec:
            self.known(Said("state", "状态"), spec["owed"], STATES, (*loc, "owed"))
        klass = spec.get("class")
        dues = self.map(spec["dues"], (*loc, "dues"), takes=None) if "dues" in spec else None
        for rule, day in (dues or {}).items():
            self.known(Said("stage", "阶段"), rule.split("/")[0], stages, (*loc, "dues", rule), key=True)
            self.day(day, (*loc, "dues", rule), also=("none", "paused"))
        return Expect(
            stage=spec.get("stage"),
            round=self.whole(spec["round"], (*loc, "round")) if "round" in spec else None,
            open=self._posts(spec["open"], (*loc, "open")) if "open" in spec else None,
            refused=spec.get("refused"),
            names=tuple(self.text(v, at) for at, v in self.many(spec["names"], (*loc, "names")))
            if "names" in spec
            else None,
            dues=dues,
            rungs=tuple(self._rung(v, at) for at, v in self.many(spec["rungs"], (*loc, "rungs")))
            if "rungs" in spec
            else None,
            items=self._items(spec["items"], (*loc, "items")) if "items" in spec else None,
            klass="" if klass == "none" else klass,
            category=spec.get("category"),
            final=spec.get("final"),
            signed_as=spec.get("as"),
            owed=spec.get("owed"),
            flagged=tuple(self.text(v, at) for at, v in self.many(spec["flagged"], (*loc, "flagged")))
            if "flagged" in spec
            else None,
            lines={name: self.source.positions.key(*loc, name)[0] for name in spec},
        )

    def _posts(self, value: object, loc: Loc) -> tuple[str, ...]:
        return tuple(str(v) for at, v in self.many(value, loc) if self.post(v, at) is not None)

    def _rung(self, value: object, loc: Loc) -> Rung:
        spec = {"do": value} if isinstance(value, str) else value
        spec = self.map(spec, loc, ("do",), ("on", "to", "whom"))
        whats = ("remind", *(d.name for d in self.definitions))
        self.known(Said("rung", "督办措施"), spec.get("do"), whats, (*loc, "do"))
        return Rung(
            str(spec.get("do", "")),
            self.day(spec["on"], (*loc, "on")) if "on" in spec else "",
            self._posts(spec["to"], (*loc, "to")) if "to" in spec else (),
            self._posts(spec["whom"], (*loc, "whom")) if "whom" in spec else (),
            self.source.positions.at(*loc)[0],
        )

    def _items(self, value: object, loc: Loc) -> int | dict[str, int]:
        if not isinstance(value, dict):
            return self.whole(value, loc)
        names = [d.name for d in self.definitions]
        for name in value:
            self.known(Said("flow", "流程"), name, names, (*loc, name), key=True)
        return {name: self.whole(n, (*loc, name)) for name, n in value.items()}
