"""Three real hosts, as the adapters' README shows them: the pages under a prefix, a signature in the host's transaction."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.world import World

README = Path(__file__).parents[2] / "adapters" / "README.md"
BLOCKS = dict(re.findall(r"```python (\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL))

BEFORE = {
    "fastapi": "",
    "flask": "",
    "django": """
import logging
logging.basicConfig()
import django
from django.conf import settings
engine_of = {"sqlite": "django.db.backends.sqlite3", "postgresql": "django.db.backends.postgresql"}
from sqlalchemy.engine import make_url
url = make_url(URL)
named = {"ENGINE": engine_of[url.get_backend_name()], "NAME": url.database}
if url.get_backend_name() == "postgresql":
    named |= {"USER": url.username or "postgres", "HOST": url.query.get("host") or url.host or "", "PORT": url.port or ""}
settings.configure(DATABASES={"default": named}, ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50,
                   MIDDLEWARE=[], INSTALLED_APPS=[], USE_TZ=True)
django.setup()
""",
}

DRIVE = """
import sqlalchemy as sa
from urllib.parse import urlencode
from starlette.testclient import TestClient
if KIND == "flask":
    from a2wsgi import WSGIMiddleware
    served = WSGIMiddleware(app)
else:
    served = app
client = TestClient(served, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False)
plain = sa.create_engine(URL)
def orders():
    with plain.connect() as c:
        return c.execute(sa.text("SELECT count(*) FROM host_order")).scalar()
from workflow.events import Signed
heard = []
engine.subscribe(Signed, heard.append)
case = engine.case_of("m-1")[0]
slot = case.open_slots[0]
user = {"x-user": SIGNER}
query = {"post": slot.post, "unit": slot.unit}
refused = client.post("/orders/m-1?" + urlencode({**query, "seen": "sha256:" + "0" * 64}), headers=user)
assert refused.status_code == 500, refused.text
assert heard == [], "told of what was refused"
assert orders() == 0, "the host's row of a refused signature was kept"
assert engine.case_of("m-1")[0].open_slots[0].key == slot.key
done = client.post("/orders/m-1?" + urlencode({**query, "seen": case.content}), headers=user)
assert done.status_code == 200 and done.json()["seq"] > 1, done.text
assert orders() == 1
assert [e.seq for e in heard] == [done.json()["seq"]], "told after the host's own commit"
assert engine.case_of("m-1")[0].slot(slot.key).state == "signed"
for path in ("/sign-off/", "/sign-off/items/m-1"):
    page = client.get(path, headers=user)
    assert page.status_code == 200, (path, page.status_code, page.text[:300])
    assert 'href="/sign-off/items' in page.text and 'href="/sign-off/static/console.css"' in page.text
assert client.get("/sign-off/static/console.css", headers=user).status_code == 200
print("ok")
"""


def test_there_is_a_quick_start_for_each_host_and_it_is_short() -> None:
    assert set(BLOCKS) == {*BEFORE, "events"}
    assert all(sum(bool(line.strip()) for line in block.splitlines()) <= 18 for block in BLOCKS.values())


def test_events_as_the_readme_shows_them(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(BLOCKS["events"], str(README), "exec"), {"engine": world.engine})
    world.begin("m-1")
    world.sign("m-1")
    assert capsys.readouterr().out == "m-1 o1-handler\n"


def test_what_is_promised_to_stay_is_there() -> None:
    import importlib

    import workflow

    assert all(hasattr(workflow, name) for name in workflow.__all__)
    text = README.read_text(encoding="utf-8")
    promised = text.split("## What stays as it is")[1].split("##")[0]
    for module in ("workflow.seen", "workflow.events", "workflow.errors"):
        assert module in promised and importlib.import_module(module)
    for module in re.findall(r"^\| `(workflow_adapters\.\w+)` \|", text, re.MULTILINE):
        importlib.import_module(module)


@pytest.mark.parametrize("kind", sorted(BEFORE))
def test_a_host_as_the_readme_shows_it(world: World, tmp_path: Path, kind: str) -> None:
    import sqlalchemy as sa

    world.begin("m-1")
    signer = world.actor(world.case("m-1").open_slots[0]).person
    plain = sa.create_engine(world.url)
    with plain.begin() as connection:
        connection.execute(sa.text("CREATE TABLE host_order (item TEXT)"))
    plain.dispose()
    head = f"URL, HOME, KIND, SIGNER = {world.url!r}, {str(world.home)!r}, {kind!r}, {signer!r}\n"
    clock = (
        "from workflow import Engine, SettableClock\n"
        "from tests.contract.world import START\n"
        "made = Engine.at\n"
        "Engine.at = lambda url, home: made(url, home, clock=SettableClock(START))\n"
    )
    program = tmp_path / "host.py"
    program.write_text(head + clock + BEFORE[kind] + BLOCKS[kind] + DRIVE, encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "ignore", str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("ok\n"), done.stderr[-3000:]
