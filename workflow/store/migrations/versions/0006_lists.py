"""Lists of items are paged by when they were opened, and counted by unit and stage from an index alone."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("wf_item_unit", "wf_item")
    op.create_index("wf_item_unit", "wf_item", ["unit", "flow", "campaign", "stage", "klass", "final"])
    op.create_index("wf_item_listed", "wf_item", ["opened_at", "id"])
