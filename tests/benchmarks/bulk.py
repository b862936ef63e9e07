"""Rows in bulk, made inside the database: a history of other items, and items that wait for somebody.

They are filler with the sizes of real rows; no item that is measured is among them.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.databases import raw, settle

ENTRIES_EACH = 10
SEALED = 80

_NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) AS n",
    "postgresql": "generate_series(1, {count}) AS n(i)",
}
_WORDS = {
    "sqlite": {"id": "lower(hex(randomblob(10)))", "bytes": "randomblob({size})"},
    "postgresql": {
        "id": "substr(md5(i::text), 1, 20)",
        "bytes": "decode(repeat(md5(i::text), {size} / 16 + 1), 'hex')",
    },
}


def _run(url: str, *statements: str) -> None:
    connection = raw(url)
    if url.startswith("sqlite"):
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def items(url: str, count: int, *, flow: str, definition: str, units: int, waiting: int) -> None:
    """``count`` open items, each with a slot, a stay and a due.

    Args:
        waiting: how many slots wait for one post at one unit, ``secretary`` at ``b1``..; the next ``waiting`` for the
            next unit, over and over.
    """
    kind = url.split(":")[0].split("+")[0]
    word, numbers = _WORDS[kind], _NUMBERS[kind].format(count=count)
    snapshot = word["bytes"].format(size=2800)
    no = "0" if kind == "sqlite" else "false"
    unit = f"'b' || ((i / {waiting}) % {units} + 1)"
    _run(
        url,
        f"""INSERT INTO wf_item (id, flow, definition, campaign, unit, stage, round, klass, category, final, opened_at, seq,
                head, snapshot)
            SELECT {word["id"]}, '{flow}', '{definition}', 'campaign-0', {unit}, 'investigation', 1, '', 'other', {no},
                1566262800000000 + i, {ENTRIES_EACH}, {word["bytes"].format(size=32)}, {snapshot} FROM {numbers}""",
        """INSERT INTO wf_slot (item, key, unit, post, kind, stage, opened_at)
            SELECT id, '2', unit, 'secretary', 'sign', stage, opened_at FROM wf_item WHERE campaign = 'campaign-0'""",
        """INSERT INTO wf_stay (item, n, stage, round, entered_at)
            SELECT id, 1, stage, 1, opened_at FROM wf_item WHERE campaign = 'campaign-0'""",
        """INSERT INTO wf_due (item, rule, ladder, missed_at, step, next_at, state)
            SELECT id, 'investigation/1', 'overdue', opened_at + 1000000000, 0, opened_at + 900000000, 0
            FROM wf_item WHERE campaign = 'campaign-0'""",
    )


def like(url: str, item: str, unit: str) -> None:
    """Make the filler what a real item is, each about its own unit, so that it can be read; it stands in the register."""
    text, blob = ("CAST(s.snapshot AS TEXT)", "CAST({} AS BLOB)")
    if not url.startswith("sqlite"):
        text, blob = ("convert_from(s.snapshot, 'UTF8')", "convert_to({}, 'UTF8')")
    own = "replace(replace({}, '\"{}\"', '\"' || f.id || '\"'), '\"{}\"', '\"' || f.unit || '\"')"
    made = blob.format(own.format(text, item, unit))
    of = f"FROM wf_item AS s WHERE s.id = '{item}'"
    filler = "campaign = 'campaign-0'"
    _run(
        url,
        f"""UPDATE wf_item AS f SET klass = 'register', stage = (SELECT s.stage {of}), snapshot = (SELECT {made} {of})
            WHERE {filler}""",
        f"""UPDATE wf_stay SET stage = (SELECT s.stage {of}) WHERE item IN (SELECT id FROM wf_item WHERE {filler})""",
        f"""UPDATE wf_due SET rule = (SELECT s.stage {of}) || '/1' WHERE item IN (SELECT id FROM wf_item WHERE {filler})""",
    )


def history(url: str, entries: int, **about: Any) -> None:
    """``entries`` entries of other items, ten each, as if they had been signed before; then everything settles."""
    kind = url.split(":")[0].split("+")[0]
    items(url, entries // ENTRIES_EACH, waiting=100, **about)
    word, numbers = _WORDS[kind], _NUMBERS[kind].format(count=ENTRIES_EACH)
    body, seal, hash_ = (word["bytes"].format(size=n) for n in (1500, SEALED, 32))
    _run(
        url,
        f"""INSERT INTO wf_entry (chain, seq, at, act, body, seal, hash)
            SELECT id, i, opened_at + i, 'sign', {body}, {seal}, {hash_} FROM wf_item CROSS JOIN {numbers}
            WHERE campaign = 'campaign-0'""",
    )
    settle(url)
