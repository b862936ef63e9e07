"""The pages as a campaign's readers meet them: ``workflow serve``'s processes at one socket, and readers in processes of
their own that ask one page after the other.

``python -m tests.benchmarks.reading serve URL HOME WORKERS`` serves a database to whoever ``X-User`` names, and says on which
port. ``... ask PORT READER TIMES PAUSE PATH...`` asks, and says in JSON how many milliseconds each answer took.
"""

from __future__ import annotations

import json
import re
import resource
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import random
from threading import Event
from time import perf_counter
from typing import Any

Answered = tuple[str, int, float, float]
"""A path, the status of the answer, and milliseconds: those the server took, and those its reader waited."""


TOOK = re.compile(rb"server-timing: app;dur=([0-9.]+)")


@contextmanager
def served(url: str, home: Path, workers: int) -> Iterator[int]:
    """A server's port, until the end."""
    command = [sys.executable, "-m", "tests.benchmarks.reading", "serve", url, str(home), str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def asked(port: int, readers: Sequence[str], paths: Sequence[str], times: int, pause: float = 0) -> list[Answered]:
    """Every reader at once, each through all pages so many times, each beginning with another page.

    Args:
        pause: seconds that a reader looks at a page before asking for the next.
    """
    running = []
    for n, reader in enumerate(readers):
        turned = [*paths[n % len(paths) :], *paths[: n % len(paths)]]
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.reading",
            "ask",
            str(port),
            reader,
            str(times),
            str(pause),
            *turned,
        ]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for one in running:
        assert one.stdout is not None
        one.stdout.readline()  # it is there
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    found: list[Answered] = []
    for one in running:
        assert one.stdout is not None
        found += [tuple(a) for a in json.loads(one.stdout.read())]
        assert one.wait() == 0
    return found


def first_page(url: str, home: Path) -> tuple[float, float]:
    """Seconds from starting ``workflow serve`` to its first page, and seconds of processor that it took until its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "from workflow.cli.main import app; app()", "serve", "--port", "0"]
    begun = perf_counter()
    with subprocess.Popen([*command, "--db", url, "--home", str(home)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        told = re.search(r"127\.0\.0\.1:(\d+)/", server.stdout.readline())
        assert told is not None
        status, _ = _answer(int(told[1]), b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        took = perf_counter() - begun
        server.terminate()
    assert status == 200
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _serve(url: str, home: str, workers: int) -> None:
    from workflow import Engine
    from workflow.evidence.content import DiskContentStore
    from workflow_adapters import web
    from workflow_adapters.web import Identity
    from workflow_adapters.web.workers import Served, listening, several

    def who(request: object) -> Identity:
        reader = request.headers["x-user"]  # type: ignore[attr-defined]
        return Identity(reader, operator=not reader)

    made = web.console
    web.console = lambda *args, **kwargs: Telling(made(*args, **kwargs))  # type: ignore[assignment]  # what each of the processes makes
    store = DiskContentStore(Path(home) / "contents")
    sock = listening(0)
    print(sock.getsockname()[1], flush=True)
    several(Served(lambda: Engine.looking(url, store), who, False, secrets.token_bytes(32)), sock, workers)


def _ask(port: int, reader: str, times: int, pause: float, paths: Sequence[str]) -> None:
    requests = [
        (path, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-User: {reader}\r\n\r\n".encode()) for path in paths
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    found: list[Answered] = []
    looking = Event()  # nobody sets it
    for _ in range(times):
        for path, request in requests:
            begun = perf_counter()
            status, took = _answer(port, request)
            found.append((path, status, took, (perf_counter() - begun) * 1000))
            looking.wait(pause * (0.5 + random()))
    print(json.dumps(found))


def _answer(port: int, request: bytes) -> tuple[int, float]:
    """The status of an answer and the server's own time, once it has sent all and closed the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        data = connection.recv(1 << 17)
        status, took = int(data[9:12]), TOOK.search(data)
        while data:
            data = connection.recv(1 << 17)
    return status, float(took[1]) if took else 0.0


class Telling:
    """An application that says in each answer how long it took: from the request's arrival until the answer is made."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        begun = perf_counter()

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                took = f"app;dur={(perf_counter() - begun) * 1000:.3f}"
                message["headers"] = [*message["headers"], (b"server-timing", took.encode())]
            await send(message)

        await self.app(scope, receive, told)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        _ask(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), sys.argv[6:])
