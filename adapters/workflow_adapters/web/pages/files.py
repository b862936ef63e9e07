"""What the pages show, as a file for a spreadsheet: everything at once, as of the same day, and as far as it may be seen."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from urllib.parse import quote

from starlette.responses import Response

from workflow import access, lists
from workflow.errors import Unknown
from workflow.lists import Row as ItemRow
from workflow_adapters.export import sheets, writing
from workflow_adapters.web.pages.registers import asked, under, wanted_of
from workflow_adapters.web.visit import Looking, Visit

TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def endings() -> list[str]:
    """CSV, and Excel where the extra ``export`` is installed."""
    return ["csv", *(["xlsx"] if find_spec("xlsxwriter") else [])]


def download(visit: Visit) -> Response:
    """A list as CSV or Excel. Where people act here, who took it along is on record before it is given out."""
    what, ending = visit.path("what"), visit.path("ending")
    if ending not in endings():
        raise Unknown(kind="file", name=f"{what}.{ending}"[:60])
    with visit.look() as see:
        at, on = see.as_of()
        sheet = _sheet(see, what, at)
    if visit.may_write:
        about = " ".join(x for x in (what, *(f"{k}={v}" for k, v in sorted(visit.query.items()) if k != "lang")) if x)
        access.record(visit.console.engine, "export", by=visit.who.person, what=about[:500])
    data = writing.to_csv(sheet) if ending == "csv" else writing.to_excel([sheet])
    name = f"{sheet.title}{'-' + on if on else ''}.{ending}"
    head = {"Content-Disposition": f"attachment; filename=\"{what}.{ending}\"; filename*=UTF-8''{quote(name, safe='')}"}
    return Response(data, media_type=TYPES[ending], headers=head)


def _items(see: Looking) -> list[ItemRow]:
    """All items that the list is narrowed to, page after page."""
    rows: list[ItemRow] = []
    after, unit, wanted = "", see.unit_asked(), wanted_of(see.visit)
    while True:
        page = see.seen.items(wanted, under=unit, after=after, limit=lists.MOST)
        rows += page.rows
        after = page.after
        if not after:
            return rows


def _sheet(see: Looking, what: str, at: int) -> sheets.Sheet:
    desk, sight, lang, query = see.desk, see.sight, see.visit.lang, see.visit.query
    match what:
        case "ledger" | "register":
            chosen = asked(see)
            below = under(see)
            if below is not None:
                sight = replace(sight, units=below if sight.units is None else below & sight.units)
            if what == "ledger":
                return sheets.ledger(desk, sight, chosen["flow"], chosen["campaign"], at, lang)
            return sheets.register(desk, sight, chosen["flow"], chosen["campaign"], at, lang, query.get("klass", ""))
        case "items":
            found = _items(see)
            see.learn(row.unit for row in found)
            return sheets.items(found, see.name, see.definition, see.now, lang)
        case "signatures":
            return sheets.signatures(desk, sight, query.get("item", ""), at, lang)
        case "overdue":
            return sheets.overdue(desk, sight, at, lang)
        case "ladders":
            return sheets.ladders(desk, sight, at, lang)
        case "reports":
            return sheets.reports(
                desk, sight, query.get("flow", ""), query.get("rule", ""), query.get("period", ""), at, lang
            )
        case "roll":
            asked_for = (query.get("flow", ""), query.get("campaign", ""), query.get("level", ""))
            return sheets.roll(desk, sight, *asked_for, at, lang, under(see))
    raise Unknown(kind="file", name=what[:60])
