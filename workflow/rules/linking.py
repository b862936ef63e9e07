"""Lists that belong together line by line: tasks, who answers for them, measures.

A line names the line of another list that it belongs to. That line is closed only after all that belong to it, and
numbers stay what they were. Source: S3 「推行任务清单、责任清单、整改清单“三单”和台账销号」, R101.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow.acts import CloseLine, Submit
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.definition.model import CloseOut, Stage
from workflow.errors import BadMaterial, LinesOpen
from workflow.rules.context import Asked, Need


def closing(close_out: CloseOut) -> tuple[str, ...]:
    """The lists that a stage closes out."""
    return (close_out.list, *close_out.and_lists)


def numbers_kept(asked: Asked, act: Submit) -> None:
    """A list whose lines keep their numbers only grows, and what was closed stays as it was closed.

    Raises:
        BadMaterial: it is shorter than before, or a closed line was changed.
    """
    case, definition = asked.case, asked.definition
    for name, figures in act.figures.items():
        material, before = definition.flow.materials.get(name), case.lists.get(name)
        if material is None or not material.keep_lines or before is None:
            continue
        place = definition.place("materials", name, "keep-lines")
        lines, closed = figures.get("lines", 0), before["lines"] - before["open"]
        if lines < before["lines"]:
            wanted = f"{before['lines']} lines or more: a number is never given twice"
            raise BadMaterial(path=f"$.{name}", expected=wanted, actual=f"{lines} lines", place=place)
        if len(figures.get("closed", ())) < closed:
            wanted = f"the {closed} closed lines as they were closed"
            raise BadMaterial(path=f"$.{name}", expected=wanted, actual="others", place=place)


def linked(definition: Definition, stage: Stage, case: Case) -> None:
    """Every line of the stage's lists belongs to a line that is there; and every line has one where that is asked for.

    Raises:
        BadMaterial: names the line.
    """
    for name in stage.materials:
        fields = definition.flow.materials[name].fields
        for field, numbers in case.lists.get(name, {}).get("links", {}).items():
            spec = fields[field]
            place = definition.place("materials", name, "fields", field)
            lines = case.lists.get(spec.line_of or "", {}).get("lines", 0)
            for no, number in enumerate(numbers, start=1):
                if number > lines or (number < 1 and spec.required):
                    wanted = (
                        f"a line of {spec.line_of}, 1 to {lines}"
                        if lines
                        else f"a line of {spec.line_of}, which has none"
                    )
                    raise BadMaterial(path=f"$.{name}[{no}].{field}", expected=wanted, actual=str(number), place=place)
            alone = sorted({*range(1, lines + 1)} - {*numbers}) if spec.covering else []
            if alone:
                wanted = f"every line of {spec.line_of} named by a line"
                missing = f"none for {', '.join(map(str, alone[:20]))}"
                raise BadMaterial(path=f"$.{name}", expected=wanted, actual=missing, place=place)


def _below(asked: Asked, act: CloseLine) -> Iterator[tuple[str, int]]:
    """The lines that belong to the one to be closed, in lists that are closed out with it: (list, number)."""
    close_out = asked.definition.stage(asked.case.stage).close_out
    if close_out is None:
        return
    for name in closing(close_out):
        fields = asked.definition.flow.materials[name].fields
        for field, numbers in asked.case.lists.get(name, {}).get("links", {}).items():
            if fields[field].line_of == act.list:
                yield from ((name, no) for no, number in enumerate(numbers, start=1) if number == act.no)


def needs(asked: Asked, act: CloseLine) -> list[Need]:
    """Whether each line that belongs to the one to be closed is closed."""
    return [("line", asked.case.item, name, str(no)) for name, no in _below(asked, act)]


def closed_below(asked: Asked, act: CloseLine, place: str) -> None:
    """A line is closed only after the lines that belong to it.

    Raises:
        LinesOpen: names each that is open.
    """
    below: list[Any] = list(_below(asked, act))
    still = [
        f"{name} {no}" for name, no in below if asked.facts.get("line", asked.case.item, name, str(no)) != "closed"
    ]
    if still:
        wanted = f"all {len(below)} lines that belong to line {act.no} of {act.list} closed"
        raise LinesOpen(expected=wanted, actual=still, place=place)
