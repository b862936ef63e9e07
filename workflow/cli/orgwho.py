"""``workflow org who``: who answered for a unit on a day, as it is known now or as it was known then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Lang, say, told, url_of

if TYPE_CHECKING:
    from workflow.desk import Desk
    from workflow.errors import Language

ZONE = "Asia/Shanghai"
AS = {"holder": ("", ""), "acting": ("主持", "acting"), "backstop": ("兜底", "backstop")}


def register(group: typer.Typer) -> None:
    group.command()(who)


def who(
    db: Database,
    unit: Annotated[str, typer.Option("--unit", help="The unit · 单位")],
    post: Annotated[list[str] | None, typer.Option("--post", help="These posts only · 职务")] = None,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="On this day; today · 哪一天的情况")
    ] = None,
    known: Annotated[
        datetime | None,
        typer.Option("--known", formats=["%Y-%m-%d"], help="As known at the end of this day; now · 以哪一天所知为准"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Who answered for a unit on a day, and in which capacity · 某日由谁负责

    What held on a day (--on) and what was known of it by a day (--known) are two questions. What was known by a day that
    has passed never changes, whatever is entered, renamed, merged or ended later.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.clock import local_day, start_of_day
        from workflow.engine import Engine

        with closing(Engine.looking(url_of(db, language, read_only=True), None)) as engine, engine.look() as desk:
            now = engine.now(desk.connection)
            day = on.date().isoformat() if on else local_day(now, ZONE).isoformat()
            end = start_of_day(known.date() + timedelta(days=1), ZONE) - 1 if known else None
            found = _found(desk, unit, post or [], day, end if end is None or end < now else None)
            if as_json:
                say(json.dumps(found, ensure_ascii=False, indent=2))
                return
            for line in _lines(found, language):
                say(line)


def _found(desk: Desk, unit: str, posts: list[str], day: str, known: int | None) -> dict[str, Any]:
    """
    Raises:
        Unknown: no such unit was known.
    """
    from workflow.store.groups import GroupReader
    from workflow.store.org import OrgReader

    org, groups = OrgReader(desk.connection, known), GroupReader(desk.connection, known)
    line = [str(u["unit"]) for u in org.path(unit, day)]
    answers = {one: org.answerable(unit, one, day, backed) for one, backed in _posts(desk, posts, known).items()}
    names = org.names(line, "unit", day)
    persons = {a["person"] for some in answers.values() for a in some} | set(groups.beside(unit, day))
    return {
        "unit": unit,
        "on": day,
        "known": known,
        "line": [{"unit": u, "name": names.get(u, {})} for u in line],
        "established": bool(org.path(unit, day)[0]["established"]),
        "posts": {
            one: [{n: a[n] for n in ("person", "as", "at", "tenure")} for a in some] for one, some in answers.items()
        },
        "beside": groups.beside(unit, day),
        "members": groups.head_counts(day).get(unit, 0),
        "names": org.names(persons, "person", day),
    }


def _posts(desk: Desk, wanted: list[str], known: int | None) -> dict[str, bool]:
    """Which posts are asked about, and whether a superior answers where one is vacant: as the flows in force then say."""
    from workflow.obligations import in_force
    from workflow.store.obligations import published

    at = desk.engine.now(desk.connection) if known is None else known
    backed: dict[str, bool] = {}
    for name, (since, _) in sorted(published(desk.connection).items()):
        for post, spec in in_force(desk, name, at).flow.posts.items() if since <= at else ():
            backed[post] = backed.get(post, False) or spec.backstop == "superior"
    return {post: backed.get(post, False) for post in wanted} if wanted else backed


def _lines(found: dict[str, Any], lang: Language) -> Iterator[str]:
    zh = lang == "zh"

    def unit(one: dict[str, Any]) -> str:
        return f"{one['name'].get(lang, one['unit'])} ({one['unit']})"

    def person(one: str) -> str:
        return f"{found['names'].get(one, {}).get(lang, one)} ({one})"

    own, *above = found["line"]
    gone = "" if found["established"] else "(未建立或已撤销)" if zh else ", not established or no more"
    yield f"{unit(own)}{gone}"
    if above:
        yield ("上级:" if zh else "below: ") + " < ".join(map(unit, above))
    for post, some in found["posts"].items():
        said = []
        for a in some:
            as_ = AS[a["as"]][0 if zh else 1]
            at = f" {a['at']}" if a["as"] == "backstop" else ""
            said.append(person(a["person"]) + (f" [{as_}{at}]" if as_ else ""))
        yield f"{post}: {', '.join(said) or ('空缺' if zh else 'vacant')}"
    if found["beside"]:
        yield ("一岗双责:" if zh else "beside: ") + ", ".join(map(person, found["beside"]))
    yield f"党员人数:{found['members']}" if zh else f"members: {found['members']}"
