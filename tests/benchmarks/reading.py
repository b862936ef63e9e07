"""The pages as a campaign's readers meet them: ``workflow serve``'s processes at one socket, and readers in processes of
their own that ask one page after the other without a pause.

``python -m tests.benchmarks.reading serve URL HOME WORKERS`` serves a database to whoever ``X-User`` names, and says on which
port. ``... ask PORT READER TIMES PATH...`` asks, and says in JSON how many milliseconds each answer took.
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
from time import perf_counter

Answered = tuple[str, int, float]
"""A path, the status of the answer, and the milliseconds that it took."""


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


def asked(port: int, readers: Sequence[str], paths: Sequence[str], times: int) -> list[Answered]:
    """Every reader at once, each through all pages so many times, each beginning with another page."""
    running = []
    for n, reader in enumerate(readers):
        turned = [*paths[n % len(paths) :], *paths[: n % len(paths)]]
        command = [sys.executable, "-m", "tests.benchmarks.reading", "ask", str(port), reader, str(times), *turned]
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
        status = _answer(int(told[1]), b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        took = perf_counter() - begun
        server.terminate()
    assert status == 200
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _serve(url: str, home: str, workers: int) -> None:
    from workflow import Engine
    from workflow.evidence.content import DiskContentStore
    from workflow_adapters.web import Identity
    from workflow_adapters.web.workers import Served, listening, several

    def who(request: object) -> Identity:
        reader = request.headers["x-user"]  # type: ignore[attr-defined]
        return Identity(reader, operator=not reader)

    store = DiskContentStore(Path(home) / "contents")
    sock = listening(0)
    print(sock.getsockname()[1], flush=True)
    several(Served(lambda: Engine.looking(url, store), who, False, secrets.token_bytes(32)), sock, workers)


def _ask(port: int, reader: str, times: int, paths: Sequence[str]) -> None:
    requests = [
        (path, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-User: {reader}\r\n\r\n".encode()) for path in paths
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    found: list[Answered] = []
    for _ in range(times):
        for path, request in requests:
            begun = perf_counter()
            status = _answer(port, request)
            found.append((path, status, (perf_counter() - begun) * 1000))
    print(json.dumps(found))


def _answer(port: int, request: bytes) -> int:
    """The status of an answer, once the server has sent all of it and closed the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        data = connection.recv(1 << 17)
        status = int(data[9:12])
        while data:
            data = connection.recv(1 << 17)
    return status


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        _ask(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5:])
