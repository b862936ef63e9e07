"""What a person was let do, found without reading every message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    few = sa.text("topic IN ('delegated', 'handed-over', 'copied')")
    op.create_index("wf_outbox_places", "wf_outbox", ["recipient", "id"], sqlite_where=few, postgresql_where=few)
