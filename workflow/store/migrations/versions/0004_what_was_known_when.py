"""When each row of the organisation was recorded, what it replaced, and mandates, bodies, members and assignments."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.String(64)
Day = sa.String(10)
Moment = sa.BigInteger()
OLD: dict[str, Any] = {
    "unit": (
        ("id", Id, True),
        ("level", Id, False),
        ("name_zh", sa.Text(), False),
        ("name_en", sa.Text(), False),
        ("ordinal", sa.Integer(), False),
        ("established_on", Day, None),
        ("dissolved_on", Day, None),
        ("part", sa.Integer(), False),
    ),
    "parent": (
        ("unit", Id, True),
        ("kind", sa.String(16), True),
        ("from_on", Day, True),
        ("until_on", Day, None),
        ("parent", Id, False),
    ),
    "person": (("id", Id, True), ("name_zh", sa.Text(), False), ("name_en", sa.Text(), False)),
    "tenure": (
        ("id", Id, True),
        ("person", Id, False),
        ("unit", Id, False),
        ("post", Id, False),
        ("from_on", Day, False),
        ("until_on", Day, None),
        ("acting", sa.Boolean(), False),
    ),
}
NEW: dict[str, Any] = {
    "former_name": (
        ("of", sa.String(8), True),
        ("id", Id, True),
        ("from_on", Day, True),
        ("until_on", Day, False),
        ("level", Id, False),
        ("name_zh", sa.Text(), False),
        ("name_en", sa.Text(), False),
    ),
    "succession": (("unit", Id, True), ("successor", Id, True), ("from_on", Day, False)),
    "mandate": (
        ("id", Id, True),
        ("tenure", Id, False),
        ("principal", Id, False),
        ("giver", Id, False),
        ("person", Id, False),
        ("unit", Id, False),
        ("post", Id, False),
        ("from_on", Day, False),
        ("until_on", Day, False),
        ("flow", Id, False),
        ("stage", Id, False),
        ("kind", sa.String(16), False),
        ("units", sa.Text(), False),
        ("handing_on", sa.Boolean(), False),
        ("under", Id, False),
        ("content", sa.String(80), False),
        ("revoked_at", Moment, None),
    ),
    "body": (
        ("id", Id, True),
        ("kind", Id, False),
        ("unit", Id, False),
        ("name_zh", sa.Text(), False),
        ("name_en", sa.Text(), False),
        ("from_on", Day, False),
        ("until_on", Day, None),
    ),
    "member": (
        ("id", Id, True),
        ("of", sa.String(8), False),
        ("group", Id, False),
        ("person", Id, False),
        ("unit", Id, False),
        ("post", Id, False),
        ("role", Id, False),
        ("from_on", Day, False),
        ("until_on", Day, None),
    ),
    "assignment": (
        ("id", Id, True),
        ("duty", Id, False),
        ("body", Id, False),
        ("person", Id, False),
        ("unit", Id, False),
        ("item", Id, False),
        ("from_on", Day, False),
        ("until_on", Day, None),
    ),
}
INDEXES = {
    "mandate": {"wf_mandate_person": ["person", "unit", "post"], "wf_mandate_tenure": ["tenure"]},
    "member": {"wf_member_group": ["of", "group"], "wf_member_person": ["person"]},
    "assignment": {"wf_assignment_unit": ["unit", "duty"], "wf_assignment_body": ["body"]},
}


def _columns(of: tuple[tuple[str, Any, bool | None], ...], defaults: bool) -> list[sa.Column[Any]]:
    """True: part of the key; False: never null; None: may be null."""
    made = []
    for name, kind, key in of:
        default = sa.text("false") if defaults and isinstance(kind, sa.Boolean) else None
        made.append(sa.Column(name, kind, primary_key=bool(key), nullable=key is None, server_default=default))
    return made


def upgrade() -> None:
    for name in OLD:
        op.add_column(f"wf_{name}", sa.Column("recorded_at", Moment, nullable=False, server_default="0"))
    for name, columns in NEW.items():
        recorded = sa.Column("recorded_at", Moment, nullable=False, server_default="0")
        op.create_table(f"wf_{name}", *_columns(columns, True), recorded)
        for index, of in INDEXES.get(name, {}).items():
            op.create_index(index, f"wf_{name}", of)
    for name, columns in (OLD | NEW).items():
        recorded = sa.Column("recorded_at", Moment, primary_key=True, autoincrement=False)
        superseded = sa.Column("superseded_at", Moment, nullable=False)
        op.create_table(f"wf_{name}_past", *_columns(columns, False), recorded, superseded)
