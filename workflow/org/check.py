"""What an organisation lacks on a day for the definitions it is to carry: vacancies, and who answers meanwhile.

Nothing here is an error. Offices are vacant and branches are not yet established; the point is that somebody answers all
the same, and that everybody can see who. Source: S1 「由园区、乡镇(场、街道)、村(社区)党组织兜底管理」, R017.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from workflow.definition.model import Post
from workflow.definition.problem import Said
from workflow.org.model import Org, OrgOnDay, Unit

Code = Literal["not-established", "vacant", "vacant-nobody", "no-signer"]


@dataclass(frozen=True)
class Finding:
    """One thing lacking.

    ``not-established``: the unit is yet to be established; ``persons`` at ``at`` register and sign for it.
    ``vacant``: a first-responsible post has no holder; ``persons`` at ``at`` answer meanwhile.
    ``vacant-nobody``: nor has any superior, or the definition names no backstop; nobody answers.
    ``no-signer``: there is not one post of the unit for which anybody could sign.
    """

    code: Code
    unit: str
    post: str  # empty for no-signer
    persons: tuple[str, ...]
    at: str  # where these persons hold the post; empty when there is nobody
    message: Said

    def text(self, lang: str = "en") -> str:
        return self.message.zh if lang == "zh" else str(self.message)


def org_check(org: Org, posts: Mapping[str, Post], day: str, levels: Collection[str] | None = None) -> list[Finding]:
    """Everything lacking on the day, unit by unit in the order of the organisation.

    Args:
        org: an import before it is written, or what is stored.
        posts: the posts of a definition, with ``first_responsible``, ``backstop`` and ``may``.
        levels: the levels whose units act in the definition; None takes all.
    """
    today = org.on(day)
    return [
        finding
        for unit in _in_order(today)
        if levels is None or unit.level in levels
        for finding in _unit_findings(today, unit, posts)
    ]


def _in_order(today: OrgOnDay) -> Iterator[Unit]:
    seen: set[str] = set()
    units = today.org.unit_by_id
    listed = sorted((u for u in today.org.units if u.listed(today.day)), key=lambda u: (u.ordinal, u.id))
    tops = [u.id for u in listed if today.superior.get(u.id) not in units]
    for top in [*tops, *(u.id for u in listed)]:  # the second pass reaches what hangs from no top
        if top not in seen:
            below = [u for u in today.subtree(top) if u not in seen]
            seen.update(below)
            yield from (units[u] for u in below)


def _unit_findings(today: OrgOnDay, unit: Unit, posts: Mapping[str, Post]) -> Iterator[Finding]:
    established = today.established(unit.id)
    for name, post in posts.items():
        if post.first_responsible and not (established and today.holders(unit.id, name)):
            yield _vacancy(today, unit, name, post, established)
    signing = [(n, p) for n, p in posts.items() if p.may == "sign"]
    if not any(today.answerable(unit.id, n, p.backstop is not None) for n, p in signing):
        names = ", ".join(n for n, _ in signing) or "-"
        en = f"{_en(unit)}: nobody can sign here on {today.day}; posts that may sign: {names}. Register a tenure"
        zh = f"{_zh(unit)}:{today.day} 无人可签批;可签批职务:{names}。请登记任期"
        yield Finding("no-signer", unit.id, "", (), "", Said(en, zh))


def _vacancy(today: OrgOnDay, unit: Unit, name: str, post: Post, established: bool) -> Finding:
    answering = today.answerable(unit.id, name, post.backstop is not None)
    title_en, title_zh = post.title.get("en"), post.title.get("zh")
    if established:
        en, zh = f"{_en(unit)}: {title_en} is vacant on {today.day}", f"{_zh(unit)}:{today.day} {title_zh}空缺"
        does_en, does_zh = "answers meanwhile", "兜底负责"
    else:
        en, zh = f"{_en(unit)}: not yet established on {today.day}", f"{_zh(unit)}:{today.day} 应建未建"
        does_en, does_zh = "registers and signs for it", "代为登记、签批"
    if not answering:
        en += f"; nobody answers as {title_en}: no superior has one" if post.backstop else "; nobody answers"
        zh += f";上级均无{title_zh},无人负责" if post.backstop else ";无人负责"
        return Finding("vacant-nobody", unit.id, name, (), "", Said(en, zh))
    persons, at = tuple(t.person for t, _ in answering), today.org.unit_by_id[answering[0][0].unit]
    who_en = ", ".join(_person(today, p, "en") for p in persons)
    who_zh = "、".join(_person(today, p, "zh") for p in persons)
    return Finding(
        "vacant" if established else "not-established",
        unit.id,
        name,
        persons,
        at.id,
        Said(f"{en}; {who_en}, {title_en} of {_en(at)}, {does_en}", f"{zh};由 {_zh(at)} {title_zh} {who_zh} {does_zh}"),
    )


def _en(unit: Unit) -> str:
    return f"{unit.name_en} ({unit.id})"


def _zh(unit: Unit) -> str:
    return f"{unit.name_zh}({unit.id})"


def _person(today: OrgOnDay, id_: str, lang: str) -> str:
    person = today.org.person_by_id.get(id_)
    if person is None:
        return id_
    return person.name_zh if lang == "zh" else person.name_en
