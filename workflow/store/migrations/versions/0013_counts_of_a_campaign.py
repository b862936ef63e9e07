"""The index of a campaign's items holds all that they are counted by, so that a roll-up reads nothing else."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("wf_item_flow", "wf_item")
    op.create_index("wf_item_flow", "wf_item", ["flow", "campaign", "stage", "klass", "final", "unit"])
