"""Checks that nobody may know of yet are found by themselves, so that every list can leave them out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UNANNOUNCED = sa.text("klass = 'unannounced'")


def upgrade() -> None:
    op.create_index(
        "wf_item_unannounced",
        "wf_item",
        ["unit", "id"],
        sqlite_where=UNANNOUNCED,
        postgresql_where=UNANNOUNCED,
    )
