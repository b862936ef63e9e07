"""What an import would change, row by row and in words, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.definition.problem import Said
from workflow.org.model import ALWAYS, Org

_TABLES = {
    "units": (("id",), Said("unit", "单位")),
    "persons": (("id",), Said("person", "人员")),
    "parents": (("unit", "kind", "from_on"), Said("line above", "隶属关系")),
    "tenures": (("person", "unit", "post", "from_on"), Said("tenure", "任期")),
}


def preview(imported: Org, known: Org) -> Iterator[Said]:
    """A sentence for each row that is new or says something else than what is stored; none for those that are the same."""
    stored, given = known.to_rows(), imported.to_rows()
    for table, (keys, noun) in _TABLES.items():
        held = {tuple(r[k] for k in keys): r for r in stored[table]}
        for row in given[table]:
            name = _name(table, row, keys)
            before = held.get(tuple(row[k] for k in keys))
            if before is None:
                yield Said(f"new {noun}: {name}", f"新增{noun.zh}:{name}")
                continue
            changed = [f"{k} {_or(before[k])} -> {_or(v)}" for k, v in row.items() if before[k] != v and k != "id"]
            if changed:
                yield Said(f"{noun} {name}: {', '.join(changed)}", f"{noun.zh} {name}:{'、'.join(changed)}")


def _name(table: str, row: dict[str, object], keys: tuple[str, ...]) -> str:
    """A row in one word or a few; of a line above also the unit it leads to, and no day where it always led there."""
    if table != "parents":
        return " ".join(str(row[k]) for k in keys)
    since = "" if row["from_on"] == ALWAYS else f" {row['from_on']}"
    return f"{row['unit']} {row['kind']} {row['parent']}{since}"


def changing_hands(imported: Org, known: Org) -> list[tuple[str, str]]:
    """The posts, as (unit, post), whose holder would be another, or hold it for another time."""
    before = {t.id: t for t in known.tenures}
    return sorted({(t.unit, t.post) for t in imported.tenures if before.get(t.id) != t})


def _or(value: object) -> str:
    return "-" if value is None else str(value)
