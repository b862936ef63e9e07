"""The box of a vote: one row that every paper writes anew as a whole, so that no order of casting is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wf_ballot",
        sa.Column("item", sa.String(64), primary_key=True),
        sa.Column("stay", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("unused", sa.LargeBinary(), nullable=False),
        sa.Column("used", sa.LargeBinary(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.LargeBinary()),
    )
