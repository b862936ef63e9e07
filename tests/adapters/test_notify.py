"""Channels to the outside, against local servers that check the documented format and signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from workflow import SettableClock
from workflow.delivery import Message, Notice
from workflow_adapters.notify import dingtalk, feishu, mail, webhook, wecom
from workflow_adapters.notify.channels import NotSent
from workflow_adapters.notify.settings import BadChannel

NOW = 1_600_000_000_000_000
SECRET = "SEC-invented"
CONTENT = "item-77"


def notice(*facts: dict[str, Any], recipient: str = "p1") -> Notice:
    messages = tuple(
        Message(f"k{n}", "reminded", NOW, {"item": CONTENT, "rule": "plan", **f}) for n, f in enumerate(facts or ({},))
    )
    return Notice("notice-1", recipient, messages, 1)


class Service:
    """A local server; ``answer`` gives status and body for what was asked."""

    def __init__(self, answer: Callable[[str, dict[str, str], bytes], tuple[int, bytes]]) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.asked.append((self.path, headers, body))
                status, said = answer(self.path, headers, body)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def service(answer: Callable[[str, dict[str, str], bytes], tuple[int, bytes]]) -> Iterator[Service]:
    made = Service(answer)
    yield made
    made.server.shutdown()
    made.server.server_close()


def settings(folder: Path, **more: Any) -> str:
    values = {"secret": SECRET, "allow_http": True, "link": "https://host.example/sign-off/", "timeout": 5.0, **more}
    lines = [f"{k} = {json.dumps(v)}" for k, v in values.items() if k != "recipients"]
    lines += [
        "[recipients]",
        *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in more.get("recipients", {"*": "all"}).items()),
    ]
    path = folder / "channel.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def _dingtalk(path: str, _: dict[str, str], body: bytes) -> tuple[int, bytes]:
    query = parse_qs(urlparse(path).query)
    stamp = query["timestamp"][0]
    sign = base64.b64encode(hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()).decode()
    good = query["sign"] == [sign] and query["access_token"] == ["t"] and stamp == str(NOW // 1000)
    said = json.loads(body)
    good = good and said["msgtype"] == "text" and isinstance(said["text"]["content"], str)
    return 200, json.dumps({"errcode": 0 if good else 310000, "errmsg": "ok"}).encode()


def _wecom(path: str, _: dict[str, str], body: bytes) -> tuple[int, bytes]:
    said = json.loads(body)
    good = parse_qs(urlparse(path).query)["key"] == ["t"] and said["text"]["mentioned_list"] == ["@all"]
    return 200, json.dumps({"errcode": 0 if good else 93000, "errmsg": ""}).encode()


def _feishu(_: str, __: dict[str, str], body: bytes) -> tuple[int, bytes]:
    said = json.loads(body)
    key = f"{said['timestamp']}\n{SECRET}".encode()
    sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    good = said["sign"] == sign and said["msg_type"] == "text" and said["timestamp"] == str(NOW // 1_000_000)
    return 200, json.dumps({"code": 0 if good else 19021}).encode()


def _webhook(_: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    stamp = headers["x-signoff-timestamp"]
    mark = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    good = headers["x-signoff-signature"] == f"sha256={mark}" and headers["idempotency-key"] == "notice-1"
    return (204 if good else 401), b""


ROBOTS = {
    "dingtalk": (dingtalk, "/robot/send?access_token=t", _dingtalk),
    "wecom": (wecom, "/cgi-bin/webhook/send?key=t", _wecom),
    "feishu": (feishu, "/open-apis/bot/v2/hook/t", _feishu),
    "webhook": (webhook, "/notices", _webhook),
}


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_service_that_checks_format_and_signature_takes_it_and_learns_only_that_a_task_waits(
    kind: str, tmp_path: Path
) -> None:
    make, path, check = ROBOTS[kind]
    with service(check) as server:
        send = make(settings(tmp_path, url=server.url + path), SettableClock(NOW))
        send(notice({}, {}))
        ((_, _, body),) = server.asked
    text = body.decode()
    assert "2 项待办" in text and "https://host.example/sign-off/" in text
    assert CONTENT not in text and "plan" not in text and SECRET not in text


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (k, a) for k in ROBOTS for a in ((500, b""), (302, b""))
    ]  # a webhook of the host's own takes what it answers 2xx to
    + [(k, (200, a)) for k in ROBOTS if k != "webhook" for a in (b'{"errcode": 40035, "code": 9499}', b"<html>")],
)
def test_what_a_service_refuses_comes_again_and_the_error_holds_no_secret(
    kind: str, answer: tuple[int, bytes], tmp_path: Path
) -> None:
    make, path, _ = ROBOTS[kind]
    with service(lambda *_: answer) as server:
        send = make(settings(tmp_path, url=server.url + path), SettableClock(NOW))
        with pytest.raises(NotSent) as refused:
            send(notice())
    assert SECRET not in str(refused.value) and "access_token" not in str(refused.value)


def test_a_service_that_is_not_there_is_told_without_its_address(tmp_path: Path) -> None:
    send = webhook(settings(tmp_path, url="http://127.0.0.1:1/secret-path"), SettableClock(NOW))
    with pytest.raises(NotSent) as refused:
        send(notice())
    assert "secret-path" not in str(refused.value)


def test_classified_matters_never_leave(tmp_path: Path) -> None:
    with service(_webhook) as server:
        send = webhook(settings(tmp_path, url=server.url, classified=["secret-flow"]), SettableClock(NOW))
        send(notice({"flow": "secret-flow"}, {"classified": True}))
        assert server.asked == []
        send(notice({"flow": "secret-flow"}, {"flow": "open-flow"}))
        assert "1 项待办" in server.asked[0][2].decode()


def test_no_more_than_the_limit_goes_out_in_a_minute(tmp_path: Path) -> None:
    clock = SettableClock(NOW)
    with service(_webhook) as server:
        send = webhook(settings(tmp_path, url=server.url, per_minute=2), clock)
        send(notice())
        send(notice())
        with pytest.raises(NotSent, match="limit"):
            send(notice())
        clock.set(NOW + 60_000_000)
        send(notice())
        assert len(server.asked) == 3


def test_nobody_without_an_address_is_reached(tmp_path: Path) -> None:
    send = webhook(settings(tmp_path, url="http://127.0.0.1:1", recipients={"p2": "x"}), SettableClock(NOW))
    with pytest.raises(NotSent, match="no address"):
        send(notice(recipient="p1"))


class _Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to receive one mail."""

    def handle(self) -> None:
        got: list[str] = self.server.got  # type: ignore[attr-defined]
        self.wfile.write(b"220 local\r\n")
        reading = False
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if reading:
                if line == ".":
                    reading = False
                    self.wfile.write(b"250 taken\r\n")
                else:
                    got.append(line)
            elif line.upper() == "DATA":
                reading = True
                self.wfile.write(b"354 go on\r\n")
            elif line.upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_mail_says_that_a_task_waits_under_an_id_that_a_second_try_repeats(tmp_path: Path) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.daemon_threads = True
        server.got = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        more = {"host": "127.0.0.1", "port": server.server_address[1], "sender": "flow@host.example", "starttls": False}
        send = mail(settings(tmp_path, recipients={"p1": "p1@host.example"}, lang="en", **more), SettableClock(NOW))
        send(notice())
        send(notice())
        server.shutdown()
        got = "\n".join(server.got)  # type: ignore[attr-defined]
    assert "1 task waiting" in got and CONTENT not in got
    ids = [line for line in got.splitlines() if line.startswith("Message-ID:")]
    assert len(ids) == 2 and len(set(ids)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url = 'http://x'\nsecret = 's'", "https"),
        ("url = 'https://x'\nsecrets = 's'", "secrets"),
        ("url = 'https://x'", "secret"),
        ("url = ", "TOML"),
        ("url = 'https://x'\nsecret = 's'\nper_minute = 0", "per_minute"),
    ],
)
def test_settings_that_do_not_fit_are_told_with_their_place(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadChannel, match=said) as told:
        webhook(str(path))
    assert "c.toml" in told.value.text("zh")


def test_settings_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("url = 'https://x'\nsecret = 's'")
    path.chmod(0o644)
    with pytest.raises(BadChannel, match="chmod 600"):
        webhook(str(path))
