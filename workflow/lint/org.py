"""The organisation that flows are to run in: whether every unit has somebody to sign, and two where two are asked for.

Source: S1 「由园区、乡镇(场、街道)、村(社区)党组织兜底管理」, R017; S0 「逐级签字上报」, R036.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

from workflow.definition.model import Flow
from workflow.definition.problem import Problem, Said
from workflow.errors import OrgInvalid
from workflow.org.check import org_check
from workflow.org.importing import OrgImport, read_org
from workflow.org.model import OrgOnDay
from workflow.org.sheet import UNITS


def lint_org(folder: Path, flows: Sequence[Flow], day: date) -> list[Problem]:
    """What is wrong with the files of an organisation, and what it lacks for these flows on a day."""
    folder = folder.parent if folder.name == UNITS else folder
    try:
        org = read_org(folder)
    except OrgInvalid as error:
        return [
            Problem(
                "org-fault", str(folder / f.file), max(f.row, 1), 1, f.message, line_text=_line(folder / f.file, f.row)
            )
            for f in error.facts["problems"]
        ]
    return list(dict.fromkeys(_lacking(folder, org, flows, day)))


def _lacking(folder: Path, org: OrgImport, flows: Sequence[Flow], day: date) -> Iterator[Problem]:
    rows = _rows(folder / UNITS)
    today = org.on(day.isoformat())

    def problem(code: str, unit: str, message: Said, warning: bool = True) -> Problem:
        row = rows.get(unit, 1)
        text = _line(folder / UNITS, row)
        return Problem(
            code, str(folder / UNITS), row, 1, message, line_text=text, severity="warning" if warning else "error"
        )

    levels = {level for flow in flows for level in flow.levels}
    for unit in org.units:
        if flows and unit.level not in levels:
            said = Said(f"no flow knows the level {unit.level}", f"没有流程使用层级 {unit.level}")
            yield problem("org-level-unknown", unit.id, said)
    for flow in flows:
        if not {unit.level for unit in org.units} & set(flow.levels):
            continue  # a flow of another organisation
        mute = {f.unit: f for f in org_check(org, flow.posts, day.isoformat(), flow.levels) if f.code == "no-signer"}
        for finding in mute.values():
            yield problem("no-signer", finding.unit, finding.message, warning=False)
        yield from _places(flow, org, today, problem, mute)


def _places(
    flow: Flow, org: OrgImport, today: OrgOnDay, problem: Callable[..., Problem], mute: Collection[str]
) -> Iterator[Problem]:
    """Each level's share of a chain, unit by unit: somebody for every place, and two persons where two are asked for."""
    for name, chain in flow.chains.items():
        if chain.levels is None:
            continue
        order, levels = flow.levels, chain.levels
        first = order.index(levels.from_) if levels.from_ in order else 0
        last = order.index(levels.to) if levels.to in order else len(order) - 1
        for unit in org.units:
            if unit.level not in order[first : last + 1] or unit.id in mute or not today.established(unit.id):
                continue
            inner = flow.chains.get(levels.at.get(unit.level, levels.each))
            posts = [leaf.post for step in (inner.steps if inner else ()) for _, leaf in step.leaves() if leaf.post]
            people = {
                post: {t.person for t, _ in today.answerable(unit.id, post, flow.posts[post].backstop is not None)}
                for post in posts
                if post in flow.posts
            }
            for post, persons in people.items():
                if not persons:
                    en = f"{unit.name_en} ({unit.id}): nobody holds {post}, for whom {flow.flow} waits in {name}"
                    zh = f"{unit.name_zh}({unit.id}):{post} 无人任职,而 {flow.flow} 的签字链 {name} 须其签批"
                    yield problem("place-without-person", unit.id, Said(en, zh))
            for group in chain.two_persons:
                here = [p for p in posts if p in group and people.get(p)]
                if len(group) > 1:  # two places of one of several posts may be one person's
                    here = list(dict.fromkeys(here))
                someone = set().union(*(people[p] for p in here)) if here else set()
                if len(here) > 1 and len(someone) < min(len(here), 2):
                    who = ", ".join(dict.fromkeys(here))
                    en = (
                        f"{unit.name_en} ({unit.id}): {who} are one person ({', '.join(sorted(someone))}); "
                        f"{flow.flow} wants two in {name}"
                    )
                    zh = f"{unit.name_zh}({unit.id}):{who} 为同一人({'、'.join(sorted(someone))}),而 {flow.flow} 的签字链 {name} 要求两人"
                    yield problem("separation-unsatisfiable", unit.id, Said(en, zh), False)


def _rows(path: Path) -> dict[str, int]:
    """The line of each unit's first row."""
    found: dict[str, int] = {}
    for number, line in enumerate(path.read_bytes().decode("utf-8-sig", "replace").splitlines(), 1):
        found.setdefault(line.split(",")[0].strip().strip('"'), number)
    return found


def _line(path: Path, row: int) -> str:
    try:
        lines = path.read_bytes().decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return ""
    return lines[row - 1] if 0 < row <= len(lines) else ""
