"""What one recipient waits for, found without reading what everybody waits for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unsent = sa.text("sent_at IS NULL")
    op.create_index(
        "wf_outbox_recipient", "wf_outbox", ["recipient", "id"], sqlite_where=unsent, postgresql_where=unsent
    )
