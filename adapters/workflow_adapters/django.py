"""Django: the engine inside ``transaction.atomic()``, and the pages under a prefix of a Django site.

Django holds the database connection itself. What we are handed is a proxy of it on which committing, rolling back and
closing do nothing: those stay Django's, so that our entry and Django's rows are written together or not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from workflow.desk import Desk
from workflow.engine import Engine

DIALECTS = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}
ASGI = Callable[[Any, Any, Any], Awaitable[None]]


class NotAtomic(RuntimeError):
    """No transaction of Django's is open, so there is nothing to be a part of."""


class _Lent:
    """A DBAPI connection that somebody else commits, rolls back and closes."""

    def __init__(self, raw: Any) -> None:
        object.__setattr__(self, "_raw", raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def __setattr__(self, name: str, value: Any) -> None:
        pass  # its settings are Django's: neither isolation level nor autocommit is ours to change

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def on(engine: Engine, using: str = "default") -> Iterator[Desk]:
    """The engine on Django's open transaction, in a savepoint: our failure leaves Django's usable, and theirs undoes ours.

    Args:
        using: the alias of the database in ``settings.DATABASES``; the engine's tables must be in it.

    Raises:
        NotAtomic: there is no ``transaction.atomic()`` around.
        KeyError: Django uses a database this library does not know (SQLite and PostgreSQL are known).
    """
    from django.db import connections, transaction

    wrapper = connections[using]
    if not wrapper.in_atomic_block:
        raise NotAtomic(f"expected an open transaction.atomic(using={using!r}); got none. Put the call inside one")
    wrapper.ensure_connection()

    def later(then: Callable[[], None]) -> None:
        transaction.on_commit(then, using=using)

    lent = _Lent(wrapper.connection)
    more = {"use_native_hstore": False} if wrapper.vendor == "postgresql" else {}  # asking for it wants the real one
    borrowed = sa.create_engine(
        DIALECTS[wrapper.vendor], creator=lambda: lent, poolclass=StaticPool, pool_reset_on_return=None, **more
    )
    try:
        with borrowed.connect() as connection, engine.on(connection, later=later) as desk:
            yield desk
    finally:
        borrowed.dispose()


def mounted(site: ASGI, prefix: str, app: ASGI) -> ASGI:
    """A Django site with an application of ours under a path, as one ASGI application.

    Args:
        site: from ``django.core.asgi.get_asgi_application()``.
        prefix: such as ``/sign-off``; links of the pages keep it.
    """
    prefix = "/" + prefix.strip("/")

    async def both(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] != "lifespan" and (path == prefix or path.startswith(prefix + "/")):
            root = scope.get("root_path", "") + prefix
            inside = path if path != prefix else prefix + "/"
            await app({**scope, "root_path": root, "app_root_path": root, "path": inside}, receive, send)
        else:
            await site(scope, receive, send)

    return both
