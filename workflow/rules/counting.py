"""What was held with persons, counted for each over all items and units; and taking it off the count again.

Only what was held and recorded counts: the way out of the stage whose last signature is that of whoever held it. A count
is a person's, so a successor starts at zero and the superior of several units gets there first. Reaching the number of
``times`` opens an item for the competent body, which decides; while one is under way no second is opened. Source: S4
「累计约谈两次以上的要进行组织处理」, R170: "two or more" includes the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from workflow.acts import Reverse
from workflow.calendar import Calendar
from workflow.case import Effect
from workflow.definition.definition import Definition
from workflow.definition.model import Counter, Span, Stage, Who
from workflow.errors import (
    Avoidance,
    BadMaterial,
    LimitReached,
    MaterialMissing,
    NotReached,
    OutOfTurn,
    ReasonRequired,
    Stale,
)
from workflow.rules import authority, ladder, persons
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.opening import item_id

Row = dict[str, Any]


@lru_cache(maxsize=256)
def _counting(definition: Definition) -> frozenset[str]:
    ways = {s.stage: s.exits.values() for s in definition.flow.stages}
    return frozenset(stage for stage, exits in ways.items() if any(e.counts or e.while_ for e in exits))


# --- what a way out adds -------------------------------------------------------------------------------------------


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """The lines that are counted, what was counted of each person so far, and who is to decide what follows."""
    if stage.stage not in _counting(asked.definition):
        return []
    case, day = asked.case, asked.context.day
    path_need: Need = ("path", case.unit, day)
    out: list[Need] = [path_need]
    for way in stage.exits.values():
        if way.counts is not None:
            counter = asked.definition.flow.counters[way.counts]
            lines: Need = ("lines", case.item, counter.list)
            out.append(lines)
            if lines in asked.facts:
                named = {str(line["cells"][counter.person]) for line in asked.facts.peek(*lines)}
                for person in sorted(named):
                    out += _counted_needs(asked, way.counts, person)
            if path_need in asked.facts:
                out += [_body(asked, who, asked.facts.peek(*path_need)) for who in counter.to]
        if way.while_ is not None and _about(asked):
            out += _counted_needs(asked, way.while_, _about(asked))
    return list(dict.fromkeys(out))


def _counted_needs(asked: Asked, counter: str, person: str) -> list[Need]:
    """What was counted of a person under each of their ids, once it is known which these are."""
    if asked.context.rules < 6:
        return [("counted", counter, person)]
    same: Need = ("same-person", person)
    if same not in asked.facts:
        return [same]
    return [same, *(("counted", counter, each) for each in [person, *asked.facts.peek(*same)])]


def _ids(asked: Asked, person: str) -> list[str]:
    """Every id of a person, the one that was written first: who was registered twice is talked with once each time."""
    return [person] if asked.context.rules < 6 else [person, *asked.facts.get("same-person", person)]


def _numbered_under(asked: Asked, person: str, ids: Sequence[str]) -> str:
    """The id under which a person's count is numbered: of several always the same one, so that of two talks at one instant,
    under two ids, the second finds its number taken and is done again."""
    return person if asked.context.rules < 7 else min(ids)


def _body(asked: Asked, who: Who, path: Path) -> Need:
    unit = unit_at(asked.definition, path, who.of, asked.case.last_unit)["unit"]
    return ("answerable", unit, who.post, asked.context.day, authority.backstop(asked.definition, who.post))


def _about(asked: Asked) -> str:
    found = asked.case.fields_.get("person", "")
    return found if isinstance(found, str) else ""


def follow(asked: Asked, stage: Stage, exit_name: str) -> list[Effect]:
    """What leaving a stage this way puts on the count of persons, or takes off it.

    Raises:
        BadMaterial: a line says that it is still to be held.
    """
    way = stage.exits[exit_name]
    out: list[Effect] = []
    if way.counts is not None:
        out += _count(asked, way.counts, asked.definition.flow.counters[way.counts])
    if way.reverses is not None and _standing(asked.case.counted.get(way.reverses, ())):
        out.append(_off(asked, way.reverses))
    return out


def _count(asked: Asked, name: str, counter: Counter) -> Iterator[Effect]:
    case, context, definition = asked.case, asked.context, asked.definition
    lines: list[Row] = asked.facts.get("lines", case.item, counter.list)
    path: Path = asked.facts.get("path", case.unit, context.day)
    known: dict[str, list[Row]] = {}
    for line in lines:
        cells = line["cells"]
        person, on, by = str(cells[counter.person]), str(cells[counter.held_on]), str(cells[counter.held_by])
        if on > context.day:
            raise BadMaterial(
                path=f"$.{counter.list}[{line['no']}].{counter.held_on}",
                expected=f"a day not after {context.day}: only what was held counts",
                actual=on,
                place=definition.place("counters", name),
            )
        ids = _ids(asked, person)
        for each in ids:
            if each not in known:
                known[each] = list(asked.facts.get("counted", name, each))
        under = _numbered_under(asked, person, ids)
        rows, every = known[under], [row for each in ids for row in known[each]]
        row: Row = {"n": len(rows) + 1, "on": on, "by": by, "item": case.item, "campaign": case.campaign}
        before = within(counter, every, row, context.calendar)
        times = len(sittings(counter, [*before, row]))
        effect: Effect = {"e": "counted", "counter": name, "person": person, "n": row["n"], "on": on, "by": by}
        effect |= {"times": times, "line": line["no"]}
        if under != person:
            effect["under"] = under
        fresh = times > len(sittings(counter, before))
        if times >= counter.times and fresh and not any(r.get("open") for r in every):
            opened = item_id("count", name, under, str(row["n"]))
            effect["opened"] = opened
            row |= {"opened": opened, "open": True}
            yield effect
            yield from _proposed(asked, name, counter, person, [*before, row], times, opened, path)
        else:
            yield effect
        rows.append(row)


def _proposed(
    asked: Asked, name: str, counter: Counter, person: str, rows: Sequence[Row], times: int, opened: str, path: Path
) -> Iterator[Effect]:
    """The proposal goes to the competent body with every sitting that it rests on; nobody is sanctioned by it."""
    told: list[dict[str, str]] = []
    for who in counter.to:
        need = _body(asked, who, path)
        held = asked.facts.get(*need)
        at = {"unit": need[1], "post": who.post}
        told += [{**at, "person": h["person"], "as": h["as"]} for h in held] or [{**at, "person": "", "as": "vacant"}]
    if asked.context.rules >= 8:
        told = ladder.once(told)  # where a level is absent two of them are one
    whom = [w for w in asked.case.fields_.get("whom", ()) if isinstance(w, dict) and w.get("person") == person]
    fields = {
        "about": asked.case.item,
        "counter": name,
        "person": person,
        "times": times,
        "held": [{"item": r["item"], "on": r["on"], "by": r["by"]} for r in rows],
        "whom": whom[:1] or [{"unit": asked.case.unit, "post": "", "person": person, "as": ""}],
    }
    reached = {"e": "count-reached", "counter": name, "person": person, "times": times, "to": told, "item": opened}
    yield {**reached, **ladder.held_back(asked)}
    yield {"e": "item-opened", "item": opened, "flow": counter.propose, "unit": told[0]["unit"], "fields_": fields}


# --- arithmetic ----------------------------------------------------------------------------------------------------


def within(counter: Counter, rows: Sequence[Row], new: Row, calendar: Calendar) -> list[Row]:
    """Those rows that a new one accumulates with: not reversed, and of the same period as the definition reads it."""
    return [r for r in _standing(rows) if _together(counter.period, r, new, calendar)]


def _together(period: str, row: Row, new: Row, calendar: Calendar) -> bool:
    if period == "always":
        return True
    if period == "campaign":
        return bool(row["campaign"] == new["campaign"])
    if period == "year":
        return bool(row["on"][:4] == new["on"][:4])
    span = Span.model_validate(period)
    earlier, later = sorted((date.fromisoformat(row["on"]), date.fromisoformat(new["on"])))
    return earlier > calendar.add(later, -span.n, span.unit)  # type: ignore[arg-type]


def sittings(counter: Counter, rows: Sequence[Row]) -> list[Any]:
    """What counts as one: each row, or where the definition says so each sitting (one day, one and the same holder)."""
    if counter.sitting == "each":
        return list(rows)
    return list(dict.fromkeys((r["on"], r["by"]) for r in rows))


def _standing(rows: Sequence[Row]) -> list[Row]:
    return [r for r in rows if not r.get("reversed")]


# --- what rests on a count -----------------------------------------------------------------------------------------


def holds(asked: Asked, stage: Stage, exit_name: str) -> None:
    """A way out that rests on a count is open only while the count still holds.

    Raises:
        NotReached: what was counted was reversed meanwhile.
    """
    name = stage.exits[exit_name].while_
    if name is None or not _about(asked):
        return
    person, case = _about(asked), asked.case
    held = {(h["item"], h["on"], h["by"]) for h in case.fields_.get("held", ())}
    rows = [row for each in _ids(asked, person) for row in asked.facts.get("counted", name, each)]
    left = [r for r in _standing(rows) if (r["item"], r["on"], r["by"]) in held]
    if len(left) < len(held):
        place = asked.definition.place("stages", stage.stage, "exits", exit_name, "while")
        raise NotReached(person=person, expected=f"{len(held)} on record", actual=f"{len(left)} left", place=place)


# --- taking off again ----------------------------------------------------------------------------------------------


def reverse_needs(asked: Asked) -> list[Need]:
    """The actor's authority, the units above the item's, and under which other ids the actor is known."""
    mine = persons.needs(asked, [asked.actor.person]) if asked.context.rules >= 6 else []
    return [authority.own_need(asked), ("path", asked.case.unit, asked.context.day), *mine]


def reverse(asked: Asked, act: Reverse) -> Decision:
    """Take off the count what this item put on it, whatever stage it is in; all of it stays on record.

    Raises:
        OutOfTurn: only somebody above the unit of the item may. Avoidance: nobody takes off their own count.
        LimitReached: nothing of this item is on a count. ReasonRequired, MaterialMissing, Stale, NotHolder: see there.
    """
    case = asked.case
    place = asked.definition.place("counters")
    held = authority.authority(asked)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    if not act.finding.strip():
        raise MaterialMissing(expected="the finding that shows it", actual="none", place=place)
    path: Path = asked.facts.get("path", case.unit, asked.context.day)
    above = [u["unit"] for u in path[1:]]
    if asked.actor.unit not in above:
        raise OutOfTurn(
            expected=f"somebody of {', '.join(above) or 'a superior'}", actual=str(asked.actor), place=place
        )
    standing = {name: _standing(rows) for name, rows in case.counted.items()}
    counted = sorted({r["person"] for rows in standing.values() for r in rows})
    if not counted:
        raise LimitReached(expected="something that this item put on a count", actual="nothing is", place=place)
    mine = persons.ids(asked, {asked.actor.person}) if asked.context.rules >= 6 else {asked.actor.person}
    if not mine.isdisjoint(counted):
        raise Avoidance(person=asked.actor.person, expected=counted, actual=asked.actor.person, place=place)
    own: Effect = {"e": "reversed", "finding": act.finding}
    return Decision([own, *(_off(asked, name) for name, rows in standing.items() if rows)], held)


def _off(asked: Asked, name: str) -> Effect:
    rows = _standing(asked.case.counted[name])
    return {"e": "count-reversed", "counter": name, "persons": sorted({r["person"] for r in rows})}
