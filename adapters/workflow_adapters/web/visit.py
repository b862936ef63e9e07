"""One visit to one page: who asks, in which language, what they may see, and how an answer is made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote, quote_plus

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from workflow import access, lists
from workflow.cli.tracing import called
from workflow.clock import local_day, moment, start_of_day
from workflow.errors import Language, NotUnderstood, Said, Unknown
from workflow.seen import Seen
from workflow.sight import Sight, all_of
from workflow.store import library, org
from workflow_adapters import titles

if TYPE_CHECKING:
    from workflow.definition.definition import Definition
    from workflow.definition.model import FieldSpec
    from workflow.desk import Desk
    from workflow.shelf import Shelf
    from workflow.store.org import Heads
    from workflow.sums import Sums
    from workflow_adapters.web.access import Identity
    from workflow_adapters.web.app import Console
    from workflow_adapters.web.looks import Look

LANGUAGE = "wf_lang"
PLAIN = ":@!$&'()*+,;=~"  # stand in a path as they are
T = TypeVar("T")


@lru_cache(10_000)
def _in_path(value: str) -> str:
    return quote(value, safe=PLAIN)


@lru_cache(10_000)
def _in_query(value: str) -> str:
    return quote_plus(value)


@dataclass
class Visit:
    """Handed to every page.

    Attributes:
        form: the fields of a posted form; empty otherwise.
        files: what was uploaded with it, by field.
        token: what a form on this page must carry.
        shown: the look that this page is, to be put on record before it is given out.
    """

    console: Console
    request: Request
    who: Identity
    token: str
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    shown: Look | None = None

    # --- what was asked -------------------------------------------------------------------------------------------

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    @cached_property
    def lang(self) -> Language:
        for said in (self.query.get("lang"), self.request.cookies.get(LANGUAGE)):
            if said in ("zh", "en"):
                return cast("Language", said)
        accepted = self.request.headers.get("accept-language", "").lower()
        return "en" if accepted.startswith("en") else "zh"

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    # --- the engine -----------------------------------------------------------------------------------------------

    @contextmanager
    def look(self) -> Iterator[Looking]:
        """One consistent moment of the database, seen with this visitor's eyes."""
        with self.console.engine.look() as desk:
            now = desk.looked_at = desk.now()
            yield Looking(self, desk, self._sight(desk, now))

    def _sight(self, desk: Desk, now: int) -> Sight:
        if self.who.operator:
            return all_of(local_day(now, self.console.zone).isoformat())
        return self.console.sights.of(desk, self.who.person, now, self.console.zone)

    @property
    def may_write(self) -> bool:
        return self.console.writes and bool(self.who.person)

    # --- answers --------------------------------------------------------------------------------------------------

    @cached_property
    def root(self) -> str:
        """The prefix under which the host mounted us."""
        return str(self.request.scope.get("root_path", "")).rstrip("/")

    def url(self, page: str, query: Mapping[str, Any] | None = None, /, **path: Any) -> str:
        """The path of a page, under whatever prefix the host mounted us. Asked for hundreds of times by a page, so not of
        the router, which tries every route."""
        found = self.root + self.console.paths[page]
        for name, value in path.items():
            found = found.replace(f"{{{name}}}", _in_path(str(value)))
        said = "&".join(
            [f"{_in_query(k)}={_in_query(str(v))}" for k, v in (query or {}).items() if v not in ("", None)]
        )
        return f"{found}?{said}" if said else found

    def page(self, template: str, *, status: int = 200, **more: Any) -> Response:
        body = self.console.templates.get_template(template).render(
            visit=self, t=self.say, lang=self.lang, url=self.url, **more
        )
        return HTMLResponse(body, status_code=status)

    def go(self, page: str, /, **path: Any) -> Response:
        """After a form: show a page afresh, so that a reload sends nothing twice."""
        return RedirectResponse(self.url(page, **path), status_code=303)


class Looking:
    """A reader with this visitor's eyes (``seen``), the moment, and names and titles for what is shown, asked for at once
    where there are many."""

    def __init__(self, visit: Visit, desk: Desk, sight: Sight) -> None:
        self.visit, self.desk, self.sight = visit, desk, sight
        self.seen = Seen(visit.console.engine, desk, sight)
        self.now = self.seen.now
        self.zone = visit.console.zone
        self.org = desk.organisation()
        self._names: dict[str, dict[str, str]] = {}
        self._then: dict[tuple[str, str], dict[str, str]] = {}

    def opened(self, item: str, kind: access.Kind = "look") -> None:
        """This page shows what an item says, or traces it: where people act, that is on record before they see it."""
        if self.visit.may_write:
            self.visit.shown = self.visit.console.looks.at(self.seen, item, kind)

    def when(self, at: int | None, *, day: bool = False) -> str:
        if at is None:
            return ""
        return f"{moment(at, self.zone):{'%Y-%m-%d' if day else '%Y-%m-%d %H:%M'}}"

    def as_of(self) -> tuple[int, str]:
        """The moment a page is asked for (``?on=YYYY-MM-DD``, its end) and that day; now without one.

        Raises:
            NotUnderstood: it is no date.
        """
        said = self.visit.query.get("on", "")
        if not said:
            return self.now, ""
        try:
            day = date.fromisoformat(said)
            end = start_of_day(day + timedelta(days=1), self.zone) - 1
        except (ValueError, OverflowError):
            raise NotUnderstood(expected="a day such as 2019-12-31", actual=said[:40]) from None
        return (end, said) if end < self.now else (self.now, "")

    def unit_asked(self) -> str:
        """The unit that a list is narrowed to, given by its id or its full name; empty where none was.

        Raises:
            Unknown: there is none that may be seen, or several are called so.
        """
        said = self.visit.query.get("unit", "").strip()
        if not said or (self.sight.sees(said) and self.org.names([said], "unit")):
            return said
        found = [u for u in org.called(self.desk.connection, said) if self.sight.sees(u)]
        if len(found) == 1:
            return found[0]
        several = Said(f": several have that name: {', '.join(found)}", f":同名的有 {'、'.join(found)},请填编号")
        neither = Said(": give its id or its full name", ":请填编号或全称")
        raise Unknown(kind="unit", name=said[:64], hint=several if found else neither)

    def kept(self, what: str, make: Callable[[], T], *by: Hashable) -> T:
        """Something added up for this reader, now or within the last seconds; ``by`` is what else it depends on."""
        return self.visit.console.kept.get(
            (what, self.sight.person, self.sight.day, self.visit.who.operator, *by), make
        )

    def counted(self, what: str, make: Callable[[], T], *by: Hashable, head: Hashable = None) -> T:
        """Something counted for everybody, now or within the last seconds; nobody is shown it but through ``seen``."""
        of = (what, self.sight.day, self.heads.organisation, *by)
        return self.visit.console.kept.get(of, make, head)

    @cached_property
    def items(self) -> Sums[lists.Key]:
        """All items there are, counted; anew when something has been written since."""
        return self.counted("items", lambda: lists.sums(self.desk, self.sight.day), head=self.heads.entry)

    @cached_property
    def heads(self) -> Heads:
        return org.heads(self.desk.connection)

    def shelf(self, flow: str, campaign: str, at: int, on: str, klass: str = "") -> Shelf:
        """A register of what this reader may see, counted."""
        if not on:
            return self.seen.shelf(flow, campaign, at, klass, counted=self.items)
        return self.kept("shelf", lambda: self.seen.shelf(flow, campaign, at, klass), flow, campaign, on, klass)

    def learn(self, ids: Iterable[str]) -> None:
        """Ask for the names of units and persons that are going to be shown."""
        missing = {i for i in ids if i} - self._names.keys()
        if missing:
            self._names.update(self.org.names(missing))

    def name(self, one: str) -> str:
        if one and one not in self._names:
            self.learn([one])
        return self._names.get(one, {}).get(self.visit.lang, one)

    def learn_then(self, rows: Iterable[Any]) -> None:
        """Ask what the units of signatures (``unit``, ``at``) were called when they signed."""
        self._then = self.org.names_on((r.unit, self.when(r.at, day=True)) for r in rows)

    def called(self, unit: str, at: int) -> str:
        """What a unit was called when it signed, and what it is called now, where that is not the same."""
        then = self._then.get((unit, self.when(at, day=True)), {}).get(self.visit.lang, "")
        return called(then or self.name(unit), self.name(unit), self.visit.lang)

    def names(self, some: Iterable[str]) -> str:
        some = list(some)
        self.learn(some)
        return self.visit.say("、", ", ").join(self.name(s) for s in some)

    # --- titles ---------------------------------------------------------------------------------------------------

    def definition(self, digest: str) -> Definition:
        return self.desk.engine.definition(self.desk.connection, digest)

    def klass(self, code: str) -> str:
        """A class of items, as people call it."""
        return self.visit.say(*titles.CLASSES.get(code, (code, code)))

    def fields(self, digest: str, material: str) -> dict[str, FieldSpec]:
        """The fields of a document in the order of the flow's file, as its author meant them to be read."""
        spec = self.definition(digest).flow.materials.get(material)
        if spec is None:
            return {}
        order = [n for n in self.layout(digest).get(material, ()) if n in spec.fields]
        return {n: spec.fields[n] for n in dict.fromkeys((*order, *spec.fields))}

    def layout(self, digest: str) -> dict[str, list[str]]:
        """Materials and their fields in the order of the flow's file; empty where it was not kept."""
        known = self.visit.console.layouts
        if digest not in known:
            known[digest] = library.layout(self.desk.connection, digest)
        return known[digest]

    def flow(self, digest: str) -> str:
        return self.definition(digest).flow.title.get(self.visit.lang)

    def stage(self, digest: str, name: str) -> str:
        return titles.stage(self.definition(digest), name, self.visit.lang)

    def rule(self, digest: str, rule: str) -> str:
        return titles.rule(self.definition(digest), rule, self.visit.lang)

    def code(self, digest: str, name: str) -> str:
        """A claim, a choice or a node."""
        return titles.code(self.definition(digest), name, self.visit.lang)

    def outcome(self, digest: str, stage: str, name: str) -> str:
        """A way out by where it leads; codes are for programs."""
        exits = self.definition(digest).stage(stage).exits
        return self.stage(digest, exits[name].to) if name in exits else name

    def post(self, digest: str, name: str) -> str:
        spec = self.definition(digest).flow.posts.get(name)
        return spec.title.get(self.visit.lang) if spec else name

    def category(self, digest: str, name: str) -> str:
        flow = self.definition(digest).flow
        text = flow.categories.get(name) or flow.watch_class.get(name)
        return text.get(self.visit.lang) if text else name

    def flow_named(self, name: str) -> Definition:
        """A flow's version in force."""
        return self.desk.engine.newest(self.desk.connection, name)

    def newest(self) -> list[Definition]:
        """Every flow's version in force, by name."""
        names: dict[str, Definition] = {}
        for digest in library.digests(self.desk.connection):
            names.setdefault(self.definition(digest).name, self.definition(digest))
        return [self.desk.engine.newest(self.desk.connection, name) for name in sorted(names)]
