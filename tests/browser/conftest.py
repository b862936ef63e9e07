"""A real browser over a real server: Chromium without a window, and the pages served on this machine.

Collected only where ``CHROMIUM`` names the browser's program (``make test-browser``), so that the other tests need none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.world import World, worlds

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM", "")
collect_ignore_glob = [] if CHROMIUM else ["test_*.py"]

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PHONE, DESK = (390, 800), (1280, 900)


@dataclass
class Site:
    """The pages on a port of this machine. ``enter`` says who comes next; every address asked for is kept."""

    world: World
    address: str
    browser: Browser
    who: dict[str, Any]
    asked: list[str] = field(default_factory=list)

    def enter(self, person: str, lang: str, *, size: tuple[int, int] = DESK, script: bool = False) -> Page:
        """A fresh browser of a person (nobody: the operator), without JavaScript unless a tool of the test needs it."""
        self.who["person"] = person
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=script,
            locale="zh-CN" if lang == "zh" else "en-GB",
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(f"{self.address}/?lang={lang}")
        return page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """A fresh database with the invented organisation and flows; what the browser does is the same on both kinds."""
    yield from worlds(sqlite_url, tmp_path / "home")


@pytest.fixture
def site(world: World, browser: Browser) -> Iterator[Site]:
    import uvicorn

    from workflow_adapters.web import Identity, console

    who: dict[str, str] = {"person": ""}
    app = console(
        world.engine, lambda _: Identity(who["person"], operator=not who["person"]), writes=True, hosts=("127.0.0.1",)
    )
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ready.set()

    server, socket = Server(config), config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    assert ready.wait(30), "the server did not start"
    made = Site(world, f"http://127.0.0.1:{socket.getsockname()[1]}", browser, who)
    yield made
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(30)
    assert all(url.startswith((made.address, "data:")) for url in made.asked), "a page asked for something elsewhere"
