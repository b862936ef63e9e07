"""The pages answered by several processes: one address, forms of one good in another, and none left behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import World
from workflow_adapters.web.workers import listening

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="several processes need a system that forks")


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``workflow serve --workers 2`` on a world's database, and its address."""
    item = world.begin("m1", "o1")
    assert item
    url = world.engine.db.url.render_as_string(hide_password=False)
    command = [
        sys.executable,
        "-c",
        "from workflow.cli.main import app; app()",
        "serve",
        "--db",
        url,
        "--port",
        "0",
        "--workers",
        "2",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert found is not None
        yield server, found[0]
        if server.poll() is None:
            server.terminate()


def test_two_processes_answer_at_one_address_and_end_together(served: tuple[subprocess.Popen[str], str]) -> None:
    server, address = served
    for path in ("", "items", "items/m1", "overdue"):
        with urllib.request.urlopen(address + path, timeout=60) as answer:
            assert answer.status == 200 and answer.headers["Connection"] == "close"
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    assert len(workers) in (0, 2), "where the system tells"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_when_one_process_dies_the_rest_end_and_it_is_said(served: tuple[subprocess.Popen[str], str]) -> None:
    server, address = served
    urllib.request.urlopen(address, timeout=60).close()
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell which processes are whose")
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    assert server.wait(30) == 1


def test_a_kept_connection_does_not_wait_for_the_readers_acknowledgement() -> None:
    """An answer goes out in two packets; with Nagle's algorithm on, every answer would take 40 ms more."""

    async def accepted() -> int:
        got: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def told(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        sock = listening(0)
        async with await asyncio.start_server(told, sock=sock):
            _, writer = await asyncio.open_connection(*sock.getsockname())
            try:
                return await asyncio.wait_for(got, 10)
            finally:
                writer.close()

    assert asyncio.run(accepted()) != 0
