"""Is the organisation that the engine asks the one that the entries made? Every row again, from the chain ``org``.

Who may sign rests on tenures, mandates and lines of units. Their tables are written beside the entries that record the
changes, so whoever edits a row back-dates an appointment without touching an entry. Here every import and every change
is applied anew, as ``store.known`` does, and what comes out is held against the tables, past rows included. What an
entry says that the rules were told of the organisation is asked again, as it was known at the entry it names. Read only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.errors import ContentMissing, WorkflowError
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.org.hindsight import Hindsight
from workflow.store import items, scan
from workflow.store.facts import ORG_FACTS
from workflow.store.known import COLUMNS, KEYS

Key = tuple[str, tuple[Any, ...]]
Values = tuple[Any, ...]
Fault = tuple[str, str]
"""Where (table and key, or an entry), and what was expected and found."""


@dataclass
class _Organisation:
    """Rows by table and key as they are known now, and as they were, in the order in which they were made so."""

    now: dict[Key, tuple[Values, int]] = field(default_factory=dict)
    past: dict[tuple[Key, int], tuple[Values, int]] = field(default_factory=dict)

    def write(self, table: str, rows: Iterable[Mapping[str, Any]], at: int) -> None:
        for row in rows:
            key = (table, tuple(row[k] for k in KEYS[table]))
            values = tuple(row[c] for c in COLUMNS[table])
            before = self.now.get(key)
            if before is not None and before[0] == values:
                continue
            if before is not None and before[1] < at:
                self.past[key, before[1]] = (before[0], at)
            self.now[key] = (values, at)


class Told:
    """What rules were told of the organisation, held against its tables as they were known then.

    The tables are read once and asked in memory, by other code than told the rules: see ``Hindsight``. That they are those
    the chain ``org`` made is for ``check``: the two together lead from a signature's authority to the entry that appointed
    somebody.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._held: tuple[dict[str, int], Hindsight] | None = None
        self._asked: dict[tuple[int, str], Any] = {}

    def fault(self, head: str, fact: str, value: Any) -> str:
        """Why a recorded fact is not what the organisation said at a head of its chain (hex); empty where it is."""
        if fact.partition(" ")[0] not in ORG_FACTS:
            return ""
        if self._held is None:
            chain = items.entries(self._connection, items.ORG)
            moments = {e.hash.hex(): e.at for e in chain}
            self._held = moments, Hindsight(scan.organisation(self._connection), _merges(chain))
        moments, then = self._held
        if head and head not in moments:
            return ""  # told where citations are settled
        asked = (moments.get(head, -1), fact)
        if asked not in self._asked:
            try:
                self._asked[asked] = then.fact(tuple(fact.split(" ")), asked[0])
            except WorkflowError as error:
                self._asked[asked] = error.code
            except (LookupError, TypeError, ValueError, AttributeError) as error:  # of a row that nothing of ours wrote
                self._asked[asked] = type(error).__name__
        if self._asked[asked] == value:
            return ""
        return f"{fact}: the rules were told something else than the organisation's chain says"


def check(connection: Any, contents: ContentStore | None) -> tuple[list[Fault], bool]:
    """Hold the tables of the organisation against its chain, at one consistent moment.

    Returns:
        What does not hold; and whether it could be checked: an import's rows lie in the content store.
    """
    made = _Organisation()
    for entry in items.entries(connection, items.ORG):
        try:
            body = canonical.read(entry.body)
            for table, rows in _rows(body["act"], contents):
                made.write(table, rows, body["at"])
        except ContentMissing:
            return [], False
        except (WorkflowError, LookupError, TypeError, ValueError, AttributeError) as error:
            return [(f"{items.ORG}#{entry.seq}", f"its rows cannot be read: {type(error).__name__} {error}")], True
    return list(_differences(connection, made)), True


def _merges(chain: Iterable[Any]) -> Iterator[tuple[int, str, str]]:
    """Who was registered twice, as the chain says: when, the one id and the other."""
    for entry in chain:
        if entry.act == "merge-persons":
            try:
                act = canonical.read(entry.body)["act"]
                yield entry.at, act["person"], act["into"]
            except (WorkflowError, LookupError, TypeError, ValueError):
                continue  # told where the chain itself is read


def _rows(act: Mapping[str, Any], contents: ContentStore | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows that an act on the organisation wrote, by table."""
    if act["kind"] != "import-org":
        yield from act.get("rows", {}).items()
        return
    if contents is None:
        raise ContentMissing(digest=act["content"], expected="a content store", actual="none")
    for table, told in canonical.decode(contents.get(act["content"]))["tables"].items():
        parts = [told["rows"]] if "rows" in told else [canonical.decode(contents.get(p)) for p in told["parts"]]
        yield table, [dict(zip(told["columns"], row, strict=True)) for part in parts for row in part]


def _differences(connection: Any, made: _Organisation) -> Iterator[Fault]:
    now, past = dict(made.now), dict(made.past)
    for table, row, until in scan.organisation(connection):
        key = (table, tuple(getattr(row, k) for k in KEYS[table]))
        found: tuple[Values, int] = (tuple(getattr(row, c) for c in COLUMNS[table]), row.recorded_at)
        if until is None:
            expected = now.pop(key, None)
        else:
            held = past.pop((key, row.recorded_at), None)
            expected = (held[0], row.recorded_at) if held is not None and held[1] == until else None
        if found != expected:
            what = _said(table, expected, found) if expected else "no entry of the chain org wrote this row so"
            yield _place(key, until), what
    for key in now:
        yield _place(key, None), "the row that the chain org wrote is gone"
    for key, _ in past:
        yield _place(key, 0), "the earlier row that the chain org wrote is gone"


def _place(key: Key, until: int | None) -> str:
    table, values = key
    return f"{table}{'' if until is None else ' (past)'} {'/'.join(map(str, values))}"


def _said(table: str, expected: tuple[Values, int], found: tuple[Values, int]) -> str:
    """The columns that differ; names of persons and units are left to whoever looks at the row."""
    cells = zip(COLUMNS[table], expected[0], found[0], strict=True)
    differing = [name for name, one, other in cells if one != other]
    return f"other than the chain org says: {', '.join(differing or ['recorded_at'])}"
