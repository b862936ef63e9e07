"""The first tables.

Written out column by column, so that it makes the same schema whatever ``workflow.store.tables`` says later. There is no
way back down: evidence is never dropped.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.String(64)
Day = sa.String(10)
Digest = sa.String(80)
Moment = sa.BigInteger()
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Hash = sa.LargeBinary(32)


def upgrade() -> None:
    _definitions()
    _organisation()
    _evidence()
    _projections()
    _machinery()


def _definitions() -> None:
    op.create_table(
        "wf_meta",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "wf_definition",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("flow", Id, nullable=False),
        sa.Column("version", Id, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", Moment, nullable=False),
        sa.UniqueConstraint("flow", "version"),
    )
    op.create_table(
        "wf_calendar",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("name", Id, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", Moment, nullable=False),
    )


def _organisation() -> None:
    op.create_table(
        "wf_unit",
        sa.Column("id", Id, primary_key=True),
        sa.Column("level", Id, nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("established_on", Day),
        sa.Column("dissolved_on", Day),
        sa.Column("part", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "wf_parent",
        sa.Column("unit", Id, primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("from_on", Day, primary_key=True),
        sa.Column("until_on", Day),
        sa.Column("parent", Id, nullable=False),
    )
    op.create_index("wf_parent_children", "wf_parent", ["parent", "kind"])
    op.create_table(
        "wf_person",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
    )
    op.create_table(
        "wf_tenure",
        sa.Column("id", Id, primary_key=True),
        sa.Column("person", Id, nullable=False),
        sa.Column("unit", Id, nullable=False),
        sa.Column("post", Id, nullable=False),
        sa.Column("from_on", Day, nullable=False),
        sa.Column("until_on", Day),
        sa.Column("acting", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.create_index("wf_tenure_post", "wf_tenure", ["unit", "post", "from_on"])
    op.create_index("wf_tenure_person", "wf_tenure", ["person"])


def _evidence() -> None:
    op.create_table(
        "wf_item",
        sa.Column("id", Id, primary_key=True),
        sa.Column("flow", Id, nullable=False),
        sa.Column("definition", Digest, nullable=False),
        sa.Column("campaign", Id, nullable=False),
        sa.Column("unit", Id, nullable=False),
        sa.Column("stage", Id, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("klass", sa.String(16), nullable=False),
        sa.Column("category", Id, nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("opened_at", Moment, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", Hash, nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_index("wf_item_unit", "wf_item", ["unit", "flow", "campaign"])
    op.create_index("wf_item_flow", "wf_item", ["flow", "campaign", "stage"])
    op.create_table(
        "wf_entry",
        sa.Column("id", Serial, primary_key=True, autoincrement=True),
        sa.Column("chain", Id, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("hash", Hash, nullable=False),
        sa.Column("request_id", sa.String(128)),
        sa.Column("request_digest", Hash),
        sa.UniqueConstraint("chain", "seq"),
        sa.UniqueConstraint("request_id"),
    )
    op.create_table(
        "wf_chain",
        sa.Column("chain", Id, primary_key=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", Hash, nullable=False),
    )


def _projections() -> None:
    op.create_table(
        "wf_slot",
        sa.Column("item", Id, primary_key=True),
        sa.Column("key", sa.String(16), primary_key=True),
        sa.Column("unit", Id, nullable=False),
        sa.Column("post", Id, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("stage", Id, nullable=False),
        sa.Column("opened_at", Moment, nullable=False),
    )
    op.create_index("wf_slot_awaited", "wf_slot", ["unit", "post"])
    op.create_table(
        "wf_line",
        sa.Column("item", Id, primary_key=True),
        sa.Column("list", Id, primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("closed_seq", sa.Integer()),
        sa.Column("closed_at", Moment),
    )
    op.create_table(
        "wf_stay",
        sa.Column("item", Id, primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("stage", Id, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("entered_at", Moment, nullable=False),
        sa.Column("left_at", Moment),
        sa.Column("exit", Id),
    )
    op.create_table(
        "wf_due",
        sa.Column("id", Serial, primary_key=True, autoincrement=True),
        sa.Column("part", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("item", Id, nullable=False),
        sa.Column("rule", sa.String(96), nullable=False),
        sa.Column("ladder", Id, nullable=False),
        sa.Column("missed_at", Moment, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("next_at", Moment),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("met_at", Moment),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.UniqueConstraint("item", "rule"),
    )
    waiting = sa.text("state = 0")
    op.create_index("wf_due_open", "wf_due", ["part", "next_at", "id"], sqlite_where=waiting, postgresql_where=waiting)


def _machinery() -> None:
    op.create_table(
        "wf_outbox",
        sa.Column("id", Serial, primary_key=True, autoincrement=True),
        sa.Column("dedupe", sa.String(160), nullable=False, unique=True),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("next_try_at", Moment, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sent_at", Moment),
    )
    op.create_table(
        "wf_heartbeat",
        sa.Column("node", sa.String(96), primary_key=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("fired", sa.BigInteger(), nullable=False, server_default="0"),
    )
