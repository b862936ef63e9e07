"""Which dues rest on a calendar year that is not published yet, so that publishing it finds them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("wf_due", sa.Column("provisional", sa.Boolean(), nullable=False, server_default=sa.text("false")))
