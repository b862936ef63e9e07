"""What was held with persons and counts (talks), and digests of the words that should be an item's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id = sa.String(64)


def upgrade() -> None:
    op.create_table(
        "wf_count",
        sa.Column("counter", Id, primary_key=True),
        sa.Column("person", Id, primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("item", Id, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("held_on", sa.String(10), nullable=False),
        sa.Column("held_by", Id, nullable=False),
        sa.Column("campaign", Id, nullable=False),
        sa.Column("opened", Id, nullable=False),
        sa.Column("reversed_seq", sa.Integer()),
    )
    op.create_index("wf_count_item", "wf_count", ["item"])
    op.create_index("wf_count_person", "wf_count", ["person"])
    op.create_table(
        "wf_words",
        sa.Column("item", Id, primary_key=True),
        sa.Column("field", sa.String(130), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("flow", Id, nullable=False),
        sa.Column("campaign", Id, nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
    )
    op.create_index("wf_words_same", "wf_words", ["flow", "campaign", "field", "digest"])
