"""One item: where it stands, who signed what, what waits for whom, and why the reader can or cannot act."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.responses import Response

from workflow import personal, possible, removals, views
from workflow import why as explaining
from workflow.acts import Actor
from workflow.case import Case
from workflow.cli.evidence import STRENGTHS
from workflow.cli.tracing import WORDS, irregular
from workflow.definition.definition import Definition
from workflow.definition.model import FieldSpec
from workflow.errors import Unknown, WorkflowError
from workflow.evidence import canonical
from workflow.likeness import AMONG
from workflow.rules.reckoning import NEVER
from workflow.store import queries
from workflow_adapters import titles as naming
from workflow_adapters.web.draw import progress
from workflow_adapters.web.pages import work
from workflow_adapters.web.visit import Looking, Visit

SIGNING = ("sign", "accept", "close-out")


def signing(definition: Definition, name: str) -> str:
    """Under which word a place of a stage is signed: the rules take any of them. A ledger's stage is closed out; what is
    scored, or must be another body's than a stage like it, is an acceptance."""
    stage = definition.stage(name)
    if stage.close_out is not None:
        return "close-out"
    others = {other for s in definition.flow.stages for other in s.other_body_than}
    accepts = stage.score is not None or bool(stage.other_body_than) or name in others
    return "accept" if accepts else "sign"


def item(visit: Visit) -> Response:
    with visit.look() as see:
        name = visit.path("item")
        case, definition = see.seen.case_of(name)
        see.opened(name)
        stays = see.seen.stays(name)
        signers = see.seen.signatures(name)
        see.learn([case.unit, *(s.unit for s in case.slots), *(r.unit for r in signers)])
        see.learn([p for r in signers for p in (r.person, r.principal) if p])
        return visit.page(
            "item.html",
            see=see,
            case=case,
            definition=definition,
            stays=_stays(see, definition, stays),
            picture=progress(see, definition, case, stays),
            signatures=_signed(see, definition, signers),
            strengths=_strengths(see, signers),
            odd=_irregular(see, definition, name),
            materials=_materials(see, definition, case),
            same=same_words(see, definition, name),
            own_words=any(f.own_words for m in case.materials for f in definition.flow.materials[m].fields.values()),
            waiting=_waiting(see, definition, case),
            back=_back(see, name),
            can=_can(see, case, definition) if visit.who.person else [],
            dues=[d for d in queries.dues_of(see.desk.connection, name) if d.state in (0, 2)],
            never=NEVER,
            relies=list(case.relies),
        )


def sheet(visit: Visit) -> Response:
    """The signature sheet, as such offices print it."""
    with visit.look() as see:
        name = visit.path("item")
        case, definition = see.seen.case_of(name)
        see.opened(name)
        rows = see.seen.signatures(name)
        see.learn([case.unit, *(r.unit for r in rows), *(p for r in rows for p in r.now)])
        see.learn([p for r in rows for p in (r.person, r.principal) if p])
        signed = _signed(see, definition, rows)
        odd = _irregular(see, definition, name)
        means = _strengths(see, rows)
        return visit.page(
            "signatures.html", see=see, case=case, definition=definition, signatures=signed, odd=odd, strengths=means
        )


def why(visit: Visit) -> Response:
    """Every date of an item, day by day."""
    with visit.look() as see:
        name = visit.path("item")
        case, definition = see.seen.case_of(name)
        dues = see.seen.why(name)
        lines = list(explaining.lines(dues, definition.flow.timezone, visit.lang))
        return visit.page("why.html", see=see, case=case, definition=definition, lines=lines)


def material(visit: Visit) -> Response:
    """One document: as a sheet to be printed, with who signed exactly this, and the bytes whose digest was signed."""
    with visit.look() as see:
        name, which = visit.path("item"), visit.path("name")
        case, definition = see.seen.case_of(name)
        if which not in case.materials:
            raise Unknown(kind="material", name=which)
        see.opened(name)
        (found,) = [m for m in _materials(see, definition, case) if m["name"] == which]
        rows = [r for r in see.seen.signatures(name) if (which, case.materials[which]) in r.materials]
        see.learn([case.unit, *(r.unit for r in rows), *(p for r in rows for p in r.now)])
        see.learn([p for r in rows for p in (r.person, r.principal) if p])
        signed = _signed(see, definition, rows)
        means = _strengths(see, rows)
        return visit.page(
            "material.html",
            see=see,
            case=case,
            definition=definition,
            material=found,
            signatures=signed,
            strengths=means,
        )


def alike(visit: Visit) -> Response:
    """Texts of an item that are nearly those of others that the reader may see, with the passages."""
    with visit.look() as see:
        name = visit.path("item")
        case, definition = see.seen.case_of(name)
        found = see.seen.alike(name)
        see.learn([case.unit, *(a.other_unit for a in found)])
        return visit.page(
            "alike.html", see=see, case=case, definition=definition, found=found, field=field_title, among=AMONG
        )


def field_title(see: Looking, definition: Definition, material: str, field: str) -> str:
    """How people call a field of a document: the document's title and the field's."""
    spec = definition.flow.materials[material]
    called = spec.fields[field].title if field in spec.fields else None
    return f"{spec.title.get(see.visit.lang)} · {called.get(see.visit.lang) if called else field}"


def same_words(see: Looking, definition: Definition, item: str) -> list[dict[str, Any]]:
    """Texts that should be the item's own and stand word for word elsewhere, as far as the reader may see it."""
    found = see.seen.repeated(item)
    see.learn(unit for r in found for _, unit, _ in r.others)
    return [
        {
            "field": field_title(see, definition, r.material, r.field),
            "line": r.line,
            "others": [{"item": other, "unit": see.name(unit), "line": no} for other, unit, no in r.others[:10]],
            "more": max(len(r.others) - 10, 0),
        }
        for r in found
    ]


def seen_of(see: Looking, item: str, rows: Sequence[views.SignatureRow]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """What each signer of an item saw, by ``(item, entry)``: the documents of that moment, as far as they are kept."""
    case, definition = see.seen.case_of(item)
    return {(item, r.seq): _materials(see, definition, case.but(materials=dict(r.materials))) for r in rows}


def materials_of(see: Looking, definition: Definition, case: Case) -> list[dict[str, Any]]:
    return _materials(see, definition, case)


def _materials(see: Looking, definition: Definition, case: Case) -> list[dict[str, Any]]:
    """Each document with its fields titled, its exact text, and its digest; one that was lost, or removed on record, says
    so, and so does a personal value."""
    out: list[dict[str, Any]] = []
    order = list(see.layout(definition.digest))
    known = sorted(case.materials.items(), key=lambda m: order.index(m[0]) if m[0] in order else len(order))
    for name, digest in known:
        spec = definition.flow.materials.get(name)
        found: dict[str, Any] = {
            "name": name,
            "digest": digest,
            "title": name,
            "lost": "",
            "removed": "",
            "rows": [],
            "columns": [],
        }
        out.append(found)
        if spec is not None:
            found["title"] = spec.title.get(see.visit.lang)
        try:
            data = see.desk.contents.get(digest)
            value = canonical.decode(data)
        except WorkflowError as error:
            removal = removals.removal_of(see.desk.connection, see.desk.contents, digest)
            if removal is None:
                found["lost"] = error.text(see.visit.lang)
            else:
                found["removed"] = removal.said(definition.flow.timezone).get(see.visit.lang)
            continue
        found["bytes"] = data.decode("utf-8", "replace")
        gone = _gone(see, definition, value)
        value = see.desk.reveal(definition, name, value)  # what is committed to, in plain for whoever may read it
        fields = see.fields(definition.digest, name)
        titles = {n: naming.field(definition, n, f, see.visit.lang) for n, f in fields.items()}
        shown = _reader(see, definition, fields, gone)
        lines = value if isinstance(value, list) else [value]
        see.learn(str(v) for line in lines for k, v in line.items() if k in fields and fields[k].type in NAMED)
        if isinstance(value, list):
            keys = list(dict.fromkeys([*titles, *(k for line in value for k in line)]))
            found["columns"] = [titles.get(k, k) for k in keys]
            found["rows"] = [[shown(k, line.get(k, "")) for k in keys] for line in value]
        else:
            keys = list(dict.fromkeys([*(n for n in titles if n in value), *value]))
            found["rows"] = [[titles.get(k, k), shown(k, value[k])] for k in keys]
    return out


def _gone(see: Looking, definition: Definition, value: Any) -> dict[str, str]:
    """What is said of the personal values of a document that were removed on record, by commitment."""
    if not any(personal.found(value)):
        return {}
    held = removals.removed(see.desk.connection, see.desk.contents)
    zone, lang = definition.flow.timezone, see.visit.lang
    return {one: held[one].said(zone).get(lang) for one in personal.found(value) if one in held}


NAMED = ("unit", "person")


def _reader(
    see: Looking, definition: Definition, fields: dict[str, FieldSpec], gone: dict[str, str]
) -> Callable[[str, Any], str]:
    """How a field's value is read: a choice by its title, a unit or a person by name beside the id that is signed."""

    def shown(name: str, value: Any) -> str:
        if isinstance(value, str) and value in gone:
            return gone[value]
        if isinstance(value, bool):
            return "✓" if value else "✗"
        field = fields.get(name)
        if not isinstance(value, str) or field is None:
            return str(value)
        if field.type == "choice":
            return (see.category if field.choices_from else see.code)(definition.digest, value)
        known = see.name(value) if field.type in NAMED else value
        return value if known == value else f"{known} ({value})"

    return shown


def _stays(see: Looking, definition: Definition, stays: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**s, "title": see.stage(definition.digest, s["stage"])} for s in stays]


def _signed(see: Looking, definition: Definition, rows: Sequence[views.SignatureRow]) -> list[dict[str, Any]]:
    see.learn_then(rows)
    return [_signature(see, definition, r) for r in rows]


def _signature(see: Looking, definition: Definition, row: views.SignatureRow) -> dict[str, Any]:
    t = see.visit.say
    marks = [
        t(*WORDS.get(row.as_, (row.as_, row.as_))),
        t("代 ", "for ") + see.name(row.principal) if row.principal else "",
        t(*WORDS[row.vote]) if row.vote in WORDS else "",
        t("逾期", "late") if row.late else "",
        t("提前表决结束", "group decided early") if "early-closed" in row.marks else "",
        t(f"{row.paper_on} 纸质签字", f"in ink on {row.paper_on}") if row.paper_on else "",
        t("已作废", "superseded") if row.superseded else "",
        row.strength,
    ]
    return {
        "row": row,
        "stage": see.stage(definition.digest, row.stage),
        "post": see.post(definition.digest, row.post),
        "outcome": see.outcome(definition.digest, row.stage, row.outcome) if row.outcome else "",
        "verb": t(*naming.ACTS.get(row.kind, (row.kind, row.kind))),
        "marks": t("、", ", ").join(m for m in marks if m),
        "now": see.names(row.now) if row.person not in row.now else "",
    }


def _strengths(see: Looking, rows: Iterable[views.SignatureRow]) -> list[tuple[str, str]]:
    """What each strength that these signatures have on record means, for whoever reads the code beside them. Nobody checks
    certificates and timestamps for a page: what says S3 is told as what it says."""
    had = {row.strength for row in rows}
    en, zh = STRENGTHS["S3"]
    means = STRENGTHS | {"S3": (f"recorded as {en}", f"记录为{zh}")}
    return [(code, see.visit.say(zh, en)) for code, (en, zh) in means.items() if code in had]


def _irregular(see: Looking, definition: Definition, item: str) -> list[dict[str, Any]]:
    """What is irregular beside the marks of signatures: places passed over, signers added or replaced, days said earlier."""
    found = see.seen.past(item, see.now)
    odd = found.irregular if found is not None else ()
    see.learn([*(i.unit for i in odd), *(p for i in odd for p in i.persons)])
    return [
        {
            "at": i.at,
            "unit": i.unit,
            "post": see.post(definition.digest, i.post),
            "what": irregular(i, see.visit.lang, see.post(definition.digest, i.was) if i.was else ""),
            "persons": see.names(i.persons),
        }
        for i in odd
    ]


def _back(see: Looking, item: str) -> dict[str, str] | None:
    """Who sent an item back and why, while what began to wait then still waits."""
    since = {row["opened_at"] for row in queries.pending_of(see.desk.connection, [item])}
    found = [back for (_, at), back in work.sent_back(see, [item]).items() if at in since]
    return found[-1] if found else None


def _waiting(see: Looking, definition: Definition, case: Case) -> list[dict[str, Any]]:
    """The places that wait, with who may sign each."""
    out = []
    for slot in case.open_slots:
        spec = definition.flow.posts.get(slot.post)
        backed = spec is not None and spec.backstop == "superior"
        holders = see.org.answerable(slot.unit, slot.post, see.sight.day, backed)
        out.append(
            {
                "slot": slot,
                "post": see.post(definition.digest, slot.post),
                "unit": see.name(slot.unit),
                "holders": see.names([h["person"] for h in holders]),
                "backstop": any(h["as"] == "backstop" for h in holders),
                "mine": see.visit.who.person in {h["person"] for h in holders},
            }
        )
    return out


def actors(see: Looking, case: Case) -> list[Actor]:
    """As whom the reader could act here: the capacities of the open places they answer for, then their own posts."""
    person = see.visit.who.person
    pairs: dict[tuple[str, str], None] = {}
    for slot in case.open_slots:
        if any(h["person"] == person for h in see.org.answerable(slot.unit, slot.post, see.sight.day, True)):
            pairs[slot.unit, slot.post] = None
    for pair in see.sight.posts:
        pairs.setdefault(pair, None)
    return [Actor(person, post, unit) for unit, post in pairs]


def _can(see: Looking, case: Case, definition: Definition) -> list[dict[str, Any]]:
    """What the reader may do, and for what they may not, why. Asked of the same rules that will decide."""
    out: list[dict[str, Any]] = []
    for by in actors(see, case)[:4]:
        best: dict[str, possible.Possible] = {}
        said_otherwise = set(SIGNING) - {signing(definition, case.stage)}
        for one in see.seen.may(case.item, by.post, by.unit):
            if one.verb in said_otherwise:
                continue
            if one.verb not in best or (one.allowed and not best[one.verb].allowed):
                best[one.verb] = one
        for verb, one in best.items():
            said = one.refusal.text(see.visit.lang) if one.refusal else ""
            title = see.visit.say(*naming.ACTS.get(verb, (verb, verb)))
            out.append(
                {
                    "verb": verb,
                    "title": title,
                    "slot": one.slot,
                    "why": said,
                    "as": f"{see.name(by.unit)} {see.post(definition.digest, by.post)}",
                }
            )
    return out
