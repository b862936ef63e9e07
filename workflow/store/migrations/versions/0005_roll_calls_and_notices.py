"""Roll calls of periods, the notice a message went into, an index for what was said about a report; and the sweep asks
for what is due without naming a part, so its index begins with the moment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.String(64)
Moment = sa.BigInteger()
MARKS = sa.text("act IN ('contradict', 'exempt', 'supplement')")
OPEN = sa.text("state = 0")
UNSENT = sa.text("sent_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "wf_roll_call",
        sa.Column("flow", Id, primary_key=True),
        sa.Column("rule", Id, primary_key=True),
        sa.Column("period", Id, primary_key=True),
        sa.Column("step", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("moment", Moment, nullable=False),
        sa.Column("done_at", Moment),
        sa.Column("missing", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("opened", sa.Integer(), nullable=False, server_default="0"),
    )
    op.add_column("wf_outbox", sa.Column("notice", sa.String(200)))
    op.create_index(
        "wf_outbox_waiting", "wf_outbox", ["next_try_at", "id"], sqlite_where=UNSENT, postgresql_where=UNSENT
    )
    op.create_index("wf_outbox_notice", "wf_outbox", ["notice"])
    op.create_index("wf_entry_marks", "wf_entry", ["chain", "act", "at"], sqlite_where=MARKS, postgresql_where=MARKS)
    op.drop_index("wf_due_open", "wf_due")
    op.create_index("wf_due_open", "wf_due", ["next_at", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
