"""Places that only so many items have at once: the first of a grade, an officer dedicated to one item."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wf_seat",
        sa.Column("seat", sa.String(255), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("item", sa.String(64), nullable=False),
    )
    op.create_index("wf_seat_item", "wf_seat", ["item"])
