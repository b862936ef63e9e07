"""The pages answered by one process, or by several at one socket."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflow import Engine
    from workflow_adapters.web.access import Resolver


@dataclass(frozen=True)
class Served:
    """What is answered.

    Attributes:
        engine: opens the database; each process has connections of its own.
        secret: the same in every process, or a form made by one would be refused by another.
    """

    engine: Callable[[], Engine]
    who: Resolver
    writes: bool
    secret: bytes


def listening(port: int) -> socket.socket:
    """A socket of this machine alone; port 0 takes a free one.

    asyncio turns Nagle's algorithm off for the sockets it makes itself, not for one it is given. With it on, the second
    packet of an answer on a connection that is kept waits for the reader's delayed ACK of the first: 40 ms.

    Raises:
        OSError: the port is not to be had.
    """
    sock = socket.create_server(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # those it accepts inherit it
    return sock


def alone(served: Served, engine: Engine, sock: socket.socket, *, shared: bool = False) -> None:
    """Answer in this process until told to end; the engine is closed then.

    Args:
        shared: other processes wait at the same socket. A connection then ends with its answer, so that whoever is free
            takes the next request; kept open, it would stay with a process that may be the busy one.
    """
    import uvicorn

    from workflow_adapters.web import console

    app = console(engine, served.who, writes=served.writes, secret=served.secret)
    headers = [("Connection", "close")] if shared else []
    config = uvicorn.Config(app, log_level="warning", server_header=False, headers=headers)
    gc.freeze()  # what was imported stays: it is not to be looked through while somebody waits for a page
    gc.enable()
    try:
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        engine.close()


def several(served: Served, sock: socket.socket, workers: int) -> bool:
    """Answer in several processes until this one is told to end, or one of them ends by itself: False then.

    Raises:
        ValueError: this system cannot fork.
    """
    import multiprocessing.connection

    import workflow_adapters.web.pages  # noqa: F401  before they part: what is read once is there for all of them

    some = multiprocessing.get_context("fork")
    running = [some.Process(target=_one_of, args=(served, sock), daemon=True) for _ in range(workers)]
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for one in running:
            one.start()
        multiprocessing.connection.wait([one.sentinel for one in running])
        return False
    except KeyboardInterrupt:
        return True  # they were told as well
    finally:
        signal.signal(signal.SIGTERM, before)
        for one in running:
            one.terminate()
        for one in running:
            one.join()


def _one_of(served: Served, sock: socket.socket) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    alone(served, served.engine(), sock, shared=True)
