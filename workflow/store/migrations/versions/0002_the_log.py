"""The transparency log over the entries: its epochs, leaves, kept nodes, gaps, checkpoints and cosignatures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Moment = sa.BigInteger()
Hash = sa.LargeBinary(32)


def _key(name: str, kind: sa.types.TypeEngine[int]) -> sa.Column[int]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "wf_log_epoch",
        _key("epoch", sa.Integer()),
        sa.Column("origin", sa.String(128), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("opened_seq", sa.Integer()),
        sa.Column("previous", sa.Text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "wf_log_leaf",
        _key("epoch", sa.Integer()),
        _key("idx", sa.BigInteger()),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("leaf", Hash, nullable=False),
        sa.UniqueConstraint("epoch", "entry"),
    )
    op.create_table(
        "wf_log_node",
        _key("epoch", sa.Integer()),
        _key("level", sa.Integer()),
        _key("idx", sa.BigInteger()),
        sa.Column("hash", Hash, nullable=False),
    )
    op.create_table(
        "wf_log_gap",
        _key("epoch", sa.Integer()),
        _key("first", sa.BigInteger()),
        sa.Column("last", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "wf_checkpoint",
        _key("epoch", sa.Integer()),
        _key("size", sa.BigInteger()),
        sa.Column("root", Hash, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
    )
    op.create_table(
        "wf_cosignature",
        _key("epoch", sa.Integer()),
        _key("size", sa.BigInteger()),
        sa.Column("witness", sa.String(192), primary_key=True),
        sa.Column("line", sa.Text(), nullable=False),
    )
