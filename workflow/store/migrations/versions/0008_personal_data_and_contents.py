"""Personal data beside the evidence, under a key for each person that can be destroyed; and contents in the database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wf_subject",
        sa.Column("subject", sa.String(80), primary_key=True),
        sa.Column("key", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "wf_personal",
        sa.Column("commitment", sa.String(80), primary_key=True),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("wf_personal_subject", "wf_personal", ["subject"])
    op.create_table(
        "wf_content",
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
