"""What happens when a due passes, rung by rung. The machine reminds; everything beyond is a proposal that opens an item
for people to decide. No rung decides about anybody. Source: S4 「对支部书记及上级党组织书记进行约谈」, R168-R170."""

from __future__ import annotations

from datetime import time, timedelta
from typing import NamedTuple

from workflow.acts import Fire
from workflow.case import Effect
from workflow.clock import moment, start_of_day
from workflow.definition.definition import Definition
from workflow.definition.model import Rung, Stage, Who
from workflow.errors import Conflict
from workflow.rules.authority import backstop
from workflow.rules.chain import At, Path, duty_of, resolve
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.dues import moved
from workflow.rules.opening import item_id
from workflow.rules.shares import side


def _rung(asked: Asked, act: Fire) -> Rung | None:
    due = asked.case.dues.get(act.rule)
    if due is None or due["step"] != act.step:
        return None
    rungs = asked.definition.flow.ladder.get(due["ladder"], ())
    return rungs[act.step] if act.step < len(rungs) else None


class _Sight(NamedTuple):
    """The rung that fires, from where its targets are seen, and who answers for the duty."""

    rung: Rung
    stage: Stage
    path: Path
    duty: Need


def _sight(asked: Asked, act: Fire, rung: Rung, path: Path) -> _Sight:
    known: _Sight | None = asked.worked.get("sight")
    if known is None:
        case, definition = asked.case, asked.definition
        stage, path = side(definition, case, act.rule, path)
        known = _Sight(rung, stage, path, _answerable(asked, duty_of(definition, stage, path, case)))
        asked.worked["sight"] = known
    return known


def _aims(asked: Asked, sight: _Sight) -> dict[tuple[str, str], tuple[At, Need]]:
    """Whom a rung means, once it is known who answers for the duty: each post at its unit, and the fact about it."""
    known: dict[tuple[str, str], tuple[At, Need]] | None = asked.worked.get("aims")
    if known is None:
        answering = _unit_of(asked.facts.peek(*sight.duty), sight.duty)
        known = asked.worked["aims"] = {}
        for who in (*sight.rung.to, *sight.rung.whom):
            at = resolve(asked.definition, sight.stage, who, sight.path, asked.case, answering)
            known[who.post, who.of] = at, _answerable(asked, at)
    return known


def needs(asked: Asked, act: Fire) -> list[Need]:
    """Targets are resolved on the day a rung fires: the path above the item, then who answers for each post."""
    sight: _Sight | None = asked.worked.get("sight")
    facts = asked.facts
    if sight is None:
        path_need: Need = ("path", asked.case.unit, asked.context.day)
        if path_need not in facts:
            return [path_need]
        rung = _rung(asked, act)
        if rung is None:
            return []
        sight = _sight(asked, act, rung, facts.peek(*path_need))
    if sight.duty not in facts:
        return [sight.duty]
    return [need for _, need in _aims(asked, sight).values() if need not in facts]


def _answerable(asked: Asked, who: At) -> Need:
    return ("answerable", who.of, who.post, asked.context.day, backstop(asked.definition, who.post))


def _unit_of(held: list[dict[str, str]], duty: Need) -> str:
    """The unit whose people answer: the duty's own, or the superior that stands in for one without a head (兜底)."""
    return held[0].get("at", duty[1]) if held else duty[1]


def fire(asked: Asked, act: Fire) -> Decision:
    """The next rung of a due fires, once.

    Raises:
        Conflict: the due was met, moved or fired by somebody else meanwhile.
    """
    case, context = asked.case, asked.context
    rung = _rung(asked, act)
    due = case.dues.get(act.rule)
    if rung is None or due is None or due["next"] is None or due["next"] > context.at:
        raise Conflict(item=case.item, expected=f"{act.rule} at rung {act.step}", actual=str(due))
    sight = _sight(asked, act, rung, asked.facts.get("path", case.unit, context.day))
    asked.facts.get(*sight.duty)
    aims = _aims(asked, sight)

    def people(whos: tuple[Who, ...]) -> list[dict[str, str]]:
        out = []
        for who in whos:
            at, need = aims[who.post, who.of]
            holders = asked.facts.get(*need)
            out += [{"unit": at.of, "post": at.post, "person": h["person"], "as": h["as"]} for h in holders] or [
                {"unit": at.of, "post": at.post, "person": "", "as": "vacant"}
            ]
        return once(out)

    told = people(rung.to)
    effects: list[Effect] = []
    moved_by = {"moved": due["moved"]} if "moved" in due else {}
    if rung.do == "remind":
        reminded = {"e": "reminded", "rule": act.rule, "step": act.step, "to": told, "missed": due["missed"]}
        effects.append({**reminded, **moved_by, **_graded(asked, rung)})
    else:
        assert rung.item is not None
        opened = item_id(case.item, act.rule, str(act.step), *map(str, moved_by.values()))
        whom = people(rung.whom)
        body, _ = aims[rung.to[0].post, rung.to[0].of]
        proposed = {"e": "proposed", "rule": act.rule, "step": act.step, "to": told, "whom": whom, "item": opened}
        proposed |= moved_by
        effects.append({**proposed, **_graded(asked, rung)})
        effects.append(
            {
                "e": "item-opened",
                "item": opened,
                "flow": rung.item,
                "unit": body.of,
                "fields_": {"about": case.item, "rule": act.rule, "missed": due["missed"], "whom": whom},
            }
        )
    effects.append(moved(context, act.rule, due, act.step + 1))
    return Decision(effects)


def _graded(asked: Asked, rung: Rung) -> Effect:
    """What a rung says beside: its colour, and until when its messages wait where it fires in quiet hours."""
    out: Effect = {}
    if rung.colour is not None:
        out["colour"] = rung.colour
    return {**out, **held_back(asked)}


def held_back(asked: Asked) -> Effect:
    """Until when a message that arises now waits, where it arises in quiet hours; nothing where it does not."""
    until = quiet_until(asked.definition, asked.context.at)
    return {} if until is None else {"tell-at": until}


def quiet_until(definition: Definition, at: int) -> int | None:
    """The moment at which the quiet hours end that a moment lies in, by the flow's own zone; None where it lies in none."""
    quiet, zone = definition.flow.quiet, definition.flow.timezone
    if quiet is None:
        return None
    begins, ends = time.fromisoformat(quiet.from_), time.fromisoformat(quiet.until)
    here = moment(at, zone)
    now, day = here.time(), here.date()
    if begins < ends:
        return start_of_day(day, zone, ends) if begins <= now < ends else None
    if now >= begins:
        return start_of_day(day + timedelta(days=1), zone, ends)
    return start_of_day(day, zone, ends) if now < ends else None


def once(people: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each person in each capacity once."""
    seen: dict[tuple[str, str, str], dict[str, str]] = {}
    for p in people:
        seen.setdefault((p["unit"], p["post"], p["person"]), p)
    return list(seen.values())
