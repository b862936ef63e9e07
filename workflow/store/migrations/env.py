"""Run by alembic, on the connection or for the dialect that ``workflow.store.schema`` hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from workflow.store.schema import VERSION_TABLE
from workflow.store.tables import metadata


def _ours(name: str | None, type_: str, parent_names: Any) -> bool:
    return type_ != "table" or (name or "").startswith("wf_")


def _run() -> None:
    handed = context.config.attributes
    options: dict[str, Any] = {
        "target_metadata": metadata,
        "version_table": VERSION_TABLE,
        "include_name": _ours,
        # SQLite too: DDL stands in our transaction and is rolled back with it
        "transactional_ddl": True,
    }
    if context.is_offline_mode():
        context.configure(dialect_name=handed["dialect"], literal_binds=True, **options)
    else:
        context.configure(connection=handed["connection"], **options)
    with context.begin_transaction():
        context.run_migrations()


_run()
