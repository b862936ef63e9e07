"""What items are claimed and found to be, and what units are asked for and visited by, so that neither is too much."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Id = sa.String(64)


def upgrade() -> None:
    op.create_table(
        "wf_claim",
        sa.Column("item", Id, primary_key=True),
        sa.Column("claimed", Id, nullable=False),
        sa.Column("claimed_at", sa.BigInteger()),
        sa.Column("verified", sa.String(16), nullable=False),
        sa.Column("verified_at", sa.BigInteger()),
        sa.Column("finding", sa.Text(), nullable=False),
    )
    checks = sa.text("act = 'record-check'")
    op.create_index("wf_entry_checks", "wf_entry", ["chain", "seq"], sqlite_where=checks, postgresql_where=checks)
    op.create_table(
        "wf_burden",
        sa.Column("kind", Id, primary_key=True),
        sa.Column("unit", Id, primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("item", Id, nullable=False),
        sa.Column("flow", Id, nullable=False),
        sa.Column("from_on", sa.String(10), nullable=False),
        sa.Column("until_on", sa.String(10), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
    )
    op.create_index("wf_burden_item", "wf_burden", ["item"], unique=True)
    op.create_index("wf_burden_days", "wf_burden", ["kind", "from_on"])
