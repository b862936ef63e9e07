"""Takes the pictures of the README anew: ``python -m tests.browser.pictures demo-out ITEM TRACED``, after ``make demo``: the
page of one of its items, and the trace of another.

CHROMIUM names the browser's program, as for ``make test-browser``.
"""

from __future__ import annotations

import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET
from workflow import Engine, SettableClock
from workflow.evidence.content import DiskContentStore
from workflow_adapters.web import Identity, console

OUT = Path(__file__).parents[2] / "adapters" / "pictures"
AT = datetime(2020, 12, 31, 16, tzinfo=UTC)  # when the demonstration ends
WIDE, HIGH = 1280, 620


def take(folder: Path, item: str, traced: str) -> None:
    """Both pictures: an item in Chinese, the trace of another in English."""
    engine = Engine.looking(f"sqlite:///{folder / 'demo.db'}", DiskContentStore(folder / "home" / "contents"))
    engine.clock = SettableClock(AT)
    app = console(engine, lambda _: Identity(operator=True), hosts=("127.0.0.1",))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    at = f"http://127.0.0.1:{listening.getsockname()[1]}/items"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": WIDE, "height": HIGH}, java_script_enabled=False)
        for name, address in (("item", f"{at}/{item}?lang=zh"), ("trace", f"{at}/{traced}/trace?lang=en")):
            page.goto(address)
            page.screenshot(path=OUT / f"{name}.png")
        browser.close()
    server.should_exit = True
    thread.join(30)
    engine.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
