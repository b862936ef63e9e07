"""A RabbitMQ of the tests' own, started for them and ended with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a broker. Fails, never skips, where RabbitMQ is not installed."""
    if not SERVER.exists():
        pytest.fail(f"expected RabbitMQ at {SERVER}. Install it (on Debian: apt-get install rabbitmq-server)")
    home = tmp_path_factory.mktemp("rabbit")
    port, node = _free(), f"signoff-{os.getpid()}@localhost"
    env = os.environ | {
        "HOME": str(home),
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free()),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
    }
    (home / "plugins").write_text("[].")
    with (home / "out").open("wb") as out:
        running = subprocess.Popen([SERVER], env=env, stdout=out, stderr=out)
    try:
        waiting = [CONTROL, "-n", node, "wait", "--timeout", "90", str(home / "pid")]
        ready = subprocess.run(waiting, env=env, capture_output=True, text=True, check=False)
        if ready.returncode != 0:
            said = ready.stdout[-1000:] + ready.stderr[-1000:] + (home / "out").read_text()[-2000:]
            pytest.fail(f"the broker did not start: {said}")
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        subprocess.run([CONTROL, "-n", node, "stop"], env=env, capture_output=True, check=False, timeout=60)
        running.terminate()
        running.wait(30)
        shutil.rmtree(home, ignore_errors=True)
