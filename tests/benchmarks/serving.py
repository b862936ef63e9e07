"""The REST API as a host's users meet it: a server in a process of its own, and clients that keep their connections.

``python -m tests.benchmarks.serving URL HOME`` serves a database and says on which port.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.benchmarks import world

Post = tuple[str, dict[str, Any], dict[str, str]]
"""A path, a body, and headers."""


@contextmanager
def served(url: str, home: Path) -> Iterator[int]:
    """A server's port, until the end."""
    command = [sys.executable, "-m", "tests.benchmarks.serving", url, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


class Clients:
    """So many callers at once, each on a connection of its own."""

    def __init__(self, port: int, number: int) -> None:
        self._connections = [HTTPConnection("127.0.0.1", port) for _ in range(number)]
        self._pool = ThreadPoolExecutor(number)

    def post(self, posts: Sequence[Post]) -> None:
        """Send them all, shared out evenly; each must be answered with 201."""
        number = len(self._connections)
        shares = [(c, posts[n::number]) for n, c in enumerate(self._connections)]
        for _ in self._pool.map(lambda share: _post(*share), shares):
            pass

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()


def _post(connection: HTTPConnection, posts: Sequence[Post]) -> None:
    for path, body, headers in posts:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 201, said


def main(url: str, home: Path) -> None:
    import uvicorn

    from workflow_adapters.rest import rest
    from workflow_adapters.web import Identity
    from workflow_adapters.web.workers import listening

    with world.engine_on(url, home) as engine:
        app = rest(engine, lambda request: Identity(request.headers["x-user"]))
        sock = listening(0)
        sys.stdout.write(f"{sock.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_keep_alive=60)
        uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
