"""Signing: exactly the bytes that are hashed are shown, and the digest of what was shown goes with the signature."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from workflow import access, obligations, possible
from workflow.acts import Actor
from workflow.case import Case, Slot
from workflow.cli.tracing import WORDS
from workflow.definition.definition import Definition
from workflow.definition.model import FieldSpec, Material
from workflow.drafting import Draft
from workflow.errors import NotHolder, OutOfTurn, Said, Stale, Unknown, WorkflowError
from workflow.evidence import canonical
from workflow.rules.materials import wanted
from workflow.rules.plan import ABSTAIN, AGAINST, AGREE, votes
from workflow.sight import refuse_unseen
from workflow_adapters import titles
from workflow_adapters.web.pages.item import actors, materials_of, same_words, signing
from workflow_adapters.web.visit import Looking, Visit

NEW_LINES = 5
VOTES = (AGREE, AGAINST, ABSTAIN)  # in a group that decides by votes
BY_PLACE = {"decision": "decide", "look-back": "look-back"}


def slot(visit: Visit) -> Response:
    """The page on which a place is signed. Opening it is recorded, where people may sign here."""
    with visit.look() as see:
        case, definition, place = _place(see)
        by = _actor(see, case, place)
        answers = by in actors(see, case)
    acts = visit.may_write and answers and place.state == "open"
    if acts:
        access.view(visit.console.engine, case.item, by, case.content)
    with visit.look() as see:
        if not acts:
            see.opened(case.item)
        return _form(see, case, definition, place)


def _form(see: Looking, case: Case, definition: Definition, place: Slot, refused: str = "") -> Response:
    stage = definition.stage(case.stage)
    exits = {name: see.stage(definition.digest, e.to) for name, e in stage.exits.items()}
    can = {p.verb for p in possible.may(see.desk, case.item, _actor(see, case, place)) if p.allowed}
    verb = BY_PLACE.get(place.kind) or signing(definition, case.stage)
    voting = votes(case.plan, place.key)
    verb = verb if verb in can and not voting else "sign" if "sign" in can else verb
    return see.visit.page(
        "slot.html",
        status=409 if refused else 200,
        see=see,
        case=case,
        definition=definition,
        slot=place,
        verb=verb,
        verb_title=see.visit.say(*titles.ACTS[verb]),
        may=can,
        exits={} if case.outcome else exits,
        votes=VOTES if voting else (),
        words=WORDS,
        materials=materials_of(see, definition, case),
        same=same_words(see, definition, case.item),
        manifest=canonical.write(case.manifest).decode(),
        seen=case.content,
        refused=refused,
        form=see.visit.form,
        liability=definition.flow.liability.get(see.visit.lang),
    )


def act(visit: Visit) -> Response:
    """Sign, decide, accept, look back, close out or send back, on what was shown."""
    form = visit.form
    with visit.look() as see:
        case, definition, place = _place(see)
        by = _actor(see, case, place)
        if not visit.may_write:
            return _form(see, case, definition, place, _read_only(visit))
    engine, item, seen = visit.console.engine, case.item, form.get("seen", "")
    request = f"web:{form.get('request', '')}"[:120] if form.get("request") else None
    outcome, opinion, reason = form.get("outcome", ""), form.get("opinion", ""), form.get("reason", "")
    due = form.get("due", "")
    try:
        match form.get("verb"):
            case "sign":
                engine.sign(
                    item,
                    by,
                    seen,
                    slot=place.key,
                    opinion=opinion,
                    outcome=outcome,
                    reason=reason,
                    due=due,
                    vote=form.get("vote", ""),
                    request_id=request,
                )
            case "accept":
                engine.accept(item, by, seen, outcome=outcome, opinion=opinion, due=due, request_id=request)
            case "decide":
                engine.decide(
                    item,
                    by,
                    seen,
                    slot=place.key,
                    minutes=form.get("minutes", ""),
                    vote=form.get("vote", ""),
                    outcome=outcome,
                    opinion=opinion,
                    reason=reason,
                    due=due,
                    request_id=request,
                )
            case "look-back":
                engine.look_back(item, by, seen, outcome=outcome, opinion=opinion, request_id=request)
            case "close-out":
                engine.close_out(item, by, seen, opinion=opinion, request_id=request)
            case "return":
                engine.send_back(item, by, seen, reason, to=form.get("to", ""), due=due, request_id=request)
            case other:
                raise Unknown(kind="verb", name=str(other))
    except WorkflowError as error:
        with visit.look() as see:
            now, _ = see.desk.case_of(item)
            place_now = now.slot(place.key) or place
            said = error.text(visit.lang)
            if isinstance(error, Stale):
                said += visit.say(" 下面是现在的内容,请重新核对。", " Below is what is there now; read it again.")
            return _form(see, now, definition, place_now, said)
    return visit.go("item", item=item)


def withdraw(visit: Visit) -> Response:
    with visit.look() as see:
        case, _, place = _place(see)
        by = Actor(visit.who.person, place.post, place.unit)
    _refuse_reading(visit)
    visit.console.engine.withdraw(case.item, by, place.key)
    return visit.go("item", item=case.item)


def urge(visit: Visit) -> Response:
    with visit.look() as see:
        name = visit.path("item")
        refuse_unseen(see.desk, see.sight, name)
        case, _ = see.desk.case_of(name)
        mine = actors(see, case)
    _refuse_reading(visit)
    if not mine:
        raise _no_post(visit, name, see.sight.day)
    visit.console.engine.urge(name, mine[0])
    return visit.go("item", item=name)


def begin(visit: Visit) -> Response:
    """Open the report that a unit owes for a period, unless somebody has, and go to its form."""
    flow, period, unit = visit.path("flow"), visit.path("period"), visit.form.get("unit", "")
    with visit.look() as see:
        posts = [post for where, post in see.sight.posts if where == unit]
        day = see.sight.day
    _refuse_reading(visit)
    if not posts:
        raise _no_post(visit, unit[:64] or "-", day)
    with visit.console.engine.desk() as desk:
        item = obligations.open_report(desk, flow, unit, period, Actor(visit.who.person, posts[0], unit))
    return visit.go("paper", item=item)


# --- handing in ------------------------------------------------------------------------------------------------------


def paper(visit: Visit, refused: str = "") -> Response:
    """The forms of the documents that the item's stage asks for."""
    with visit.look() as see:
        name = visit.path("item")
        refuse_unseen(see.desk, see.sight, name)
        case, definition = see.desk.case_of(name)
        see.opened(name)
        stage = definition.stage(case.stage)
        asked = _asked_for(definition, case)
        drafted = _drafted(see, case) if not visit.form and any(m not in case.materials for m in asked) else {}
        sheets = [_sheet(see, definition, case, m, drafted) for m in asked]
        exits = {n: see.stage(definition.digest, e.to) for n, e in stage.exits.items()}
        return visit.page(
            "paper.html",
            status=409 if refused else 200,
            see=see,
            case=case,
            definition=definition,
            sheets=sheets,
            exits=exits,
            zero=stage.zero.exit if stage.zero is not None else "",
            tally=stage.tally is not None,
            known=_known(see, case, definition),
            begun=bool(visit.form),
            actors=actors(see, case),
            form=visit.form,
            refused=refused,
        )


def hand_in(visit: Visit) -> Response:
    with visit.look() as see:
        name = visit.path("item")
        refuse_unseen(see.desk, see.sight, name)
        case, definition = see.desk.case_of(name)
        known = {f"{a.unit}/{a.post}": a for a in actors(see, case)}
    _refuse_reading(visit)
    by = known.get(visit.form.get("as", ""))
    try:
        if by is None:
            raise _no_post(visit, visit.form.get("as", "-"), see.sight.day)
        values = {
            m: _value(definition.flow.materials[m], m, visit.form)
            for m in _asked_for(definition, case)
            if f"{m}:use" in visit.form
        }
        stage = definition.stage(case.stage)
        outcome = visit.form.get("outcome", "")
        engine = visit.console.engine
        if stage.zero is not None and outcome == stage.zero.exit:
            engine.report_zero(name, by, {m: v for m, v in values.items() if v != []})
        elif stage.tally is not None:
            engine.record_tally(name, by, values)
        else:
            engine.submit(name, by, values, outcome=outcome)
    except WorkflowError as error:
        return paper(visit, error.text(visit.lang))
    return visit.go("item", item=name)


def _asked_for(definition: Definition, case: Case) -> list[str]:
    """The documents of a stage, then those that only some way out needs: the statement of a zero report."""
    spec = definition.stage(case.stage)
    named = [*wanted(spec, case), *(need for e in spec.exits.values() for need in e.needs)]
    box = spec.tally.ballot.box if spec.tally is not None and spec.tally.ballot is not None else ""
    return [m for m in dict.fromkeys(named) if m in definition.flow.materials and m != box]  # papers come out of a box


def _drafted(see: Looking, case: Case) -> dict[str, list[Draft]]:
    """What the record could fill the papers with, by material; people look it over, change it, and hand it in or not."""
    out: dict[str, list[Draft]] = {}
    for one in see.seen.draft(case.item):
        out.setdefault(one.material, []).append(one)
    return out


def _sheet(
    see: Looking, definition: Definition, case: Case, name: str, drafted: dict[str, list[Draft]]
) -> dict[str, Any]:
    spec = definition.flow.materials[name]
    held: Any = None
    if name in case.materials:
        try:
            held = see.desk.reveal(definition, name, canonical.decode(see.desk.contents.get(case.materials[name])))
        except WorkflowError:
            held = None
    fields = [
        {
            "name": n,
            "title": titles.field(definition, n, f, see.visit.lang),
            "type": {"integer": "number", "decimal": "number", "date": "date"}.get(f.type, "text"),
            "known": {"unit": "units", "person": "persons"}.get(f.type, ""),
            "step": "any" if f.type == "decimal" else "",
            "min": "" if f.min is None else f.min,
            "max": "" if f.max is None else f.max,
            "choices": _choices(see, definition, f),
            "hint": _hint(see, f),
            "boolean": f.type == "boolean",
            "required": f.required,
        }
        for n, f in see.fields(definition.digest, name).items()
    ]
    taken = drafted.get(name, []) if name not in case.materials else []  # what was handed in stands as it is
    if taken:
        whole = next((d.value for d in taken if not d.field), None)
        held = whole if whole is not None else {d.field: d.value for d in taken}
    lines: list[dict[str, Any]] = held if isinstance(held, list) else []
    return {
        "from": list(dict.fromkeys(item for d in taken for item in d.of)),
        "filled": bool(taken),
        "name": name,
        "title": spec.title.get(see.visit.lang),
        "list": spec.kind == "list",
        "fields": fields,
        "held": held if isinstance(held, dict) else {},
        "lines": [*lines, *({} for _ in range(NEW_LINES))] if spec.kind == "list" else [],
        "digest": case.materials.get(name, ""),
        "always": name in definition.stage(case.stage).materials,
        "for": [
            see.stage(definition.digest, e.to) for e in definition.stage(case.stage).exits.values() if name in e.needs
        ],
    }


def _choices(see: Looking, definition: Definition, spec: FieldSpec) -> list[tuple[str, str]]:
    """What may be chosen, each with its title: ``(code, title)``."""
    codes = spec.choices or (definition.flow.categories if spec.choices_from else ())
    title = see.category if spec.choices_from else see.code
    return [(code, title(definition.digest, code)) for code in codes]


def _hint(see: Looking, spec: FieldSpec) -> str:
    """What a field takes, said before it is typed."""
    t = see.visit.say
    kind = {
        "unit": t("填单位编号", "a unit's id"),
        "person": t("填人员编号", "a person's id"),
        "digest": t("填材料摘要(sha256:…)", "a digest (sha256:…)"),
    }.get(spec.type, "")
    bounds = "" if spec.min is None and spec.max is None else f"{_said(spec.min)}–{_said(spec.max)}"
    if spec.type == "text" and spec.max is not None:
        bounds = t(f"最多 {spec.max} 字", f"at most {spec.max} characters")
    return "; ".join(x for x in (t("必填", "required") if spec.required else "", kind, bounds) if x)


def _said(bound: int | None) -> str:
    return "" if bound is None else str(bound)


def _known(see: Looking, case: Case, definition: Definition) -> dict[str, list[tuple[str, str]]]:
    """Units near the item and who holds a post there: offered where a field takes one, others may be typed."""
    line = [p["unit"] for p in see.org.path(case.unit, see.sight.day)]
    units = [u for u in dict.fromkeys([*line, *see.org.children(case.unit, see.sight.day)]) if see.sight.sees(u)][:200]
    posts = list(definition.flow.posts)
    held = [h["person"] for u in units[:12] for p in posts for h in see.org.answerable(u, p, see.sight.day, False)]
    persons = list(dict.fromkeys(held))
    see.learn([*units, *persons])
    return {"units": [(u, see.name(u)) for u in units], "persons": [(p, see.name(p)) for p in persons]}


def _value(spec: Material, name: str, form: Any) -> Any:
    if spec.kind != "list":
        return _cells(spec.fields, f"{name}.", form)
    lines, n = [], 0
    while any(f"{name}.{n}.{f}" in form for f in spec.fields):
        cells = _cells(spec.fields, f"{name}.{n}.", form)
        if any(v not in ("", False) for v in cells.values()):
            lines.append(cells)
        n += 1
    return lines


def _cells(fields: dict[str, FieldSpec], prefix: str, form: Any) -> dict[str, Any]:
    """The fields as typed; an empty one that need not be there is left out. A wrong number is told by the rules."""
    out: dict[str, Any] = {}
    for name, spec in fields.items():
        text = form.get(prefix + name, "").strip()
        if spec.type == "boolean":
            out[name] = text == "on"
        elif text or spec.required:
            try:
                out[name] = int(text) if spec.type == "integer" and text else text
            except ValueError:
                out[name] = text
    return out


# --- who, where ------------------------------------------------------------------------------------------------------


def _place(see: Looking) -> tuple[Case, Definition, Slot]:
    name, key = see.visit.path("item"), see.visit.path("slot")
    refuse_unseen(see.desk, see.sight, name)
    case, definition = see.desk.case_of(name)
    place = case.slot(key)
    if place is None:
        raise OutOfTurn(item=name, expected="an open place", actual=key, place=definition.place("stages", case.stage))
    return case, definition, place


def _actor(see: Looking, case: Case, place: Slot) -> Actor:
    return Actor(see.visit.who.person, place.post, place.unit)


def _no_post(visit: Visit, what: str, day: str) -> NotHolder:
    none = Said("nobody here", "无")
    return NotHolder(person=visit.who.person, post=what, unit="-", day=day, place="-", expected=none, actual=what)


def _read_only(visit: Visit) -> str:
    return visit.say("本页面只供查看,不能办理。", "These pages only show; nothing can be signed here.")


def _refuse_reading(visit: Visit) -> None:
    if not visit.may_write:
        raise Unknown(kind="act", name=visit.request.url.path)
