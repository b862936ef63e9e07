"""Items out of a ledger that an office kept in a spreadsheet: opened, not signed. Nobody's signature is made up.

The first sheet has a heading in its first row: 编号 (item), 单位 (unit), 问题类型 (category), 表现 (manifestation), 原因
(cause); what else stands there is not read, and is said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workflow.acts import Actor, Open
from workflow.definition.definition import Definition
from workflow.engine import Engine
from workflow.errors import Said, WorkflowError
from workflow.evidence.digest import sha256
from workflow.store import items
from workflow_adapters.importing.book import BadSheet, Book, CellFault, Unconfirmed, place, read_book

HEADERS = {"编号": "item", "单位": "unit", "问题类型": "category", "表现": "manifestation", "原因": "cause"}
NEEDED, CARRIED = ("item", "unit"), ("manifestation", "cause")


@dataclass(frozen=True)
class LedgerPlan:
    """What an import would do: ``opens`` new items; ``there`` are those that exist and stay as they are; ``unread`` the
    columns that are not taken in. ``token`` stands for exactly this on exactly that file."""

    opens: tuple[Open, ...]
    there: tuple[str, ...]
    unread: tuple[str, ...]
    token: str

    def carry_out(self, engine: Engine, token: str) -> int:
        """Open them in one transaction, if ``token`` is the one that was shown. Returns how many were opened.

        Raises:
            Unconfirmed: it is not: the file, or what is stored, has changed since.
        """
        if token != self.token:
            raise Unconfirmed(expected=self.token, actual=token or "-")
        return engine.open_many(self.opens, chunk=max(len(self.opens), 1))


class _Undone(Exception):
    """Ends a transaction that was only tried."""


def plan_ledger(engine: Engine, path: str | Path, flow: str, campaign: str, by: Actor | None = None) -> LedgerPlan:
    """Read a ledger and say which items it would open; nothing is written.

    Args:
        by: who opens them and stands for it on record.

    Raises:
        BadSheet: every fault with its cell. Unknown: no such flow.
    """
    book = read_book(path)
    sheet = book.sheets[0]
    head = [HEADERS.get(h.strip(), h.strip()) for h in sheet.rows[0]] if sheet.rows else []
    at = {name: n for n, name in enumerate(head)}
    faults = [
        CellFault(sheet.title, "A1", Said(f"the column {n} is missing", f"缺列:{_title(n)}"))
        for n in NEEDED
        if n not in at
    ]
    if faults:
        raise BadSheet.of(book.name, faults)
    opens: dict[str, Open] = {}
    where: dict[str, int] = {}
    with engine.look() as desk:
        definition = engine.newest(desk.connection, flow)
        day = desk.organisation()
        for number, row in enumerate(sheet.rows[1:], start=2):
            cells = {name: row[n] if n < len(row) else "" for name, n in at.items()}
            if not any(cells.values()):
                continue
            wrong = [
                *_wrong_id(cells["item"], where),
                *([] if day.names([cells["unit"]], "unit") else [("unit", _none("unit", "单位", cells["unit"]))]),
            ]
            category, strange = _category(definition, cells.get("category", ""))
            wrong += [("category", strange)] if strange else []
            faults += [CellFault(sheet.title, place(at[name], number), said) for name, said in wrong]
            if not wrong:
                where[cells["item"]] = number
                opens[cells["item"]] = Open(
                    item=cells["item"],
                    by=by,
                    flow=flow,
                    unit=cells["unit"],
                    campaign=campaign,
                    category=category,
                    fields_={n: cells[n] for n in CARRIED if cells.get(n)},
                )
        there = items.present(desk.connection, list(opens))
    fresh = tuple(o for i, o in opens.items() if i not in there)
    faults += _tried(engine, fresh, sheet.title, where, at["unit"])
    if faults:
        raise BadSheet.of(book.name, faults)
    unread = tuple(h for h in head if h and h not in HEADERS.values())
    return LedgerPlan(fresh, tuple(i for i in opens if i in there), unread, _token(book, flow, campaign, fresh))


def _tried(
    engine: Engine, opens: tuple[Open, ...], sheet: str, where: Mapping[str, int], column: int
) -> list[CellFault]:
    """What the rules refuse of them, tried in a transaction that is taken back."""
    faults: list[CellFault] = []
    with suppress(_Undone), engine.desk() as desk:
        for act in opens:
            try:
                desk.open_many([act])
            except WorkflowError as error:
                said = Said(error.text("en"), error.text("zh"))
                faults.append(CellFault(sheet, place(column, where[act.item]), said))
        raise _Undone
    return faults


def _wrong_id(item: str, seen: Mapping[str, int]) -> list[tuple[str, Said]]:
    if not item or len(item) > 64:
        return [("item", Said("expected an id of 1 to 64 characters", "应为 1 至 64 个字符的编号"))]
    if item in seen:
        return [("item", Said(f"stands in row {seen[item]} already", f"与第 {seen[item]} 行重复"))]
    return []


def _category(definition: Definition, said: str) -> tuple[str, Said | None]:
    """A category by its code or by its title in either language."""
    known = definition.flow.categories
    for code, title in known.items():
        if said in (code, title.get("zh"), title.get("en")):
            return code, None
    return (
        ("", None)
        if not said
        else ("", _none("category", "问题类型", said, ", ".join(t.get("zh") for t in known.values())))
    )


def _none(en: str, zh: str, given: str, known: str = "") -> Said:
    return Said(f"no such {en}: {given[:60] or '(empty)'}{'; known are ' + known if known else ''}",
                f"没有此{zh}:{given[:60] or '(空)'}{';已知 ' + known if known else ''}")  # fmt: skip


def _title(name: str) -> str:
    return next(zh for zh, code in HEADERS.items() if code == name)


def _token(book: Book, flow: str, campaign: str, opens: tuple[Open, ...]) -> str:
    return sha256("\n".join([book.digest, flow, campaign, *(o.item for o in opens)]).encode())[7:23]
