"""``workflow hand-over``, ``copies`` and ``pairs``: what waits for a leaver, who read a copy, which letters are unsigned."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, actor, home_of, key_held, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language, WorkflowError
    from workflow.pairs import Pair
    from workflow.views import CopyRow

Json = Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")]
ZONE = "Asia/Shanghai"


def register(app: typer.Typer) -> None:
    app.command("hand-over")(hand_over)
    app.command()(copies)
    app.command()(pairs)


def hand_over(
    db: Database,
    leaver: Annotated[str, typer.Option("--leaver", help="Who leaves, a person's id · 离任人")],
    to: Annotated[str, typer.Option("--to", help="Who holds the posts by now, a person's id · 接任人")],
    by: Annotated[str, typer.Option("--by", help="PERSON/POST@UNIT of the leaver or of somebody above · 经办人")],
    reason: Annotated[str, typer.Option("--reason", help="Why · 理由")],
    preview: Annotated[
        bool, typer.Option("--preview", "--dry-run", help="Only list what would pass on · 仅列出,不办理")
    ] = False,
    as_json: Json = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Pass everything that waits for somebody who leaves to a successor, each by a signed entry · 工作交接

    Exit code 0: every place passes on. 1: some do not, and why; the others do. 2: it could not be done.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow import handover
        from workflow.engine import Engine
        from workflow.errors import WorkflowError

        who = actor(by)
        found: list[tuple[str, str, WorkflowError | None]]
        if preview:
            with closing(Engine.looking(url_of(db, language, read_only=True))) as engine, engine.look() as desk:
                found = handover.preview(desk, who, leaver, to, reason)
        else:
            here = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
            with closing(here) as engine, engine.desk() as desk:
                done = handover.hand_over(desk, who, leaver, to, reason)
                found = [(i, k, r if isinstance(r, WorkflowError) else None) for i, k, r in done]
        refused = any(r is not None for _, _, r in found)
        if as_json:
            rows = [{"item": i, "place": k, "refused": r and [r.code, r.text(language)]} for i, k, r in found]
            say(json.dumps({"preview": preview, "places": rows}, ensure_ascii=False, indent=2))
        else:
            for line in handed_lines(found, preview, language):
                say(line)
    if refused:
        raise typer.Exit(1)


def handed_lines(
    found: Sequence[tuple[str, str, WorkflowError | None]], preview: bool, lang: Language
) -> Iterator[str]:
    """The hand-over list for people: every place with what becomes of it."""
    zh = lang == "zh"
    if preview:
        yield "仅列出,未作任何改动" if zh else "a preview: nothing was changed"
    passed = sum(r is None for _, _, r in found)
    yield (
        f"交接 {passed} 处,未能交接 {len(found) - passed} 处"
        if zh
        else f"{passed} passed on, {len(found) - passed} not"
    )
    for item, place, refusal in found:
        yield f"  {item}/{place}" + (f": {refusal.text(lang)}" if refusal is not None else "")


def copies(
    db: Database,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item · 事项")],
    as_json: Json = False,
    lang: Lang = "",
) -> None:
    """Who was sent a copy of an item for information, and when they read it · 抄送与阅读回执"""
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.views import copies as looking

        with closing(Engine.looking(url_of(db, language, read_only=True))) as engine, engine.look() as desk:
            found = looking(desk, item)
        if as_json:
            say(json.dumps([asdict(c) for c in found], ensure_ascii=False, indent=2))
        else:
            for line in copy_lines(found, language):
                say(line)


def copy_lines(found: Sequence[CopyRow], lang: Language) -> Iterator[str]:
    """Copies for people."""
    from workflow.clock import moment

    zh = lang == "zh"
    read = sum(c.read_at is not None for c in found)
    yield f"抄送 {len(found)} 份,已阅 {read} 份" if zh else f"{len(found)} copies, {read} read"
    for c in found:
        sent = f"{moment(c.at, ZONE):%Y-%m-%d %H:%M}"
        if c.read_at is None:
            when = "未阅" if zh else "not read"
        else:
            when = f"{'已阅' if zh else 'read'} {moment(c.read_at, ZONE):%Y-%m-%d %H:%M}"
        yield f"  {sent} {c.person} {c.post}@{c.unit} ({'发自' if zh else 'from'} {c.by}): {when}"


def pairs(
    db: Database,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="The flow of the letters · 责任书流程")],
    campaign: Annotated[str, typer.Option("--campaign", help="Of which campaign · 专项")] = "",
    level: Annotated[str, typer.Option("--level", help="Of one level; all when not given · 层级")] = "",
    as_json: Json = False,
    lang: Lang = "",
) -> None:
    """Letters between each unit and its superior, level by level: which are unsigned or void · 责任书签订情况

    Exit code 0: all stand. 1: some are unsigned, or void since a signer left. 2: it could not be told.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.errors import Said, Unknown
        from workflow.pairs import pairs as looking

        with closing(Engine.looking(url_of(db, language, read_only=True))) as engine, engine.look() as desk:
            levels = desk.engine.newest(desk.connection, flow).flow.levels
            if level and level not in levels:
                known = ", ".join(levels)
                raise Unknown(kind="level", name=level, hint=Said(f"; levels are {known}", f";层级有 {known}"))
            wanted = [level] if level else list(reversed(levels))
            found = {each: looking(desk, flow, campaign, each) for each in wanted}
        lacking = any(p.state != "signed" for some in found.values() for p in some)
        if as_json:
            say(json.dumps({n: [asdict(p) for p in some] for n, some in found.items()}, ensure_ascii=False, indent=2))
        else:
            for line in pair_lines(found, language):
                say(line)
    if lacking:
        raise typer.Exit(1)


def pair_lines(found: dict[str, list[Pair]], lang: Language) -> Iterator[str]:
    """Letters for people: for each level how many stand, and every pair whose letter does not."""
    zh = lang == "zh"
    for level, some in found.items():
        states = defaultdict(list)
        for p in some:
            states[p.state].append(p)
        signed, void, none = (len(states[s]) for s in ("signed", "void", "unsigned"))
        yield (
            f"{level}:已签 {signed},失效 {void},未签 {none}"
            if zh
            else f"{level}: {signed} signed, {void} void, {none} unsigned"
        )
        for p in (*states["unsigned"], *states["void"]):
            left = ", ".join(p.left)
            if p.state == "void" and not p.left:
                units = ", ".join(p.with_)
                said = f"{p.item} 失效:与 {units} 所签,须重签" if zh else f"{p.item} is void: it is with {units}"
            elif p.state == "void":
                said = f"{p.item} 失效:{left} 已离任,须重签" if zh else f"{p.item} is void: {left} left the post"
            else:
                said = "未签" if zh else "unsigned"
            yield f"  {p.superior} – {p.unit}: {said}"
