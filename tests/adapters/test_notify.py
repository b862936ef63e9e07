"""Channels to the outside, against local servers that check the documented format and signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.contract.world import TALK, World, flow_text
from workflow import Actor, SettableClock, loads
from workflow.delivery import Delivered, Message, Notice, NotYet, Withheld, deliver
from workflow_adapters.notify import dingtalk, feishu, mail, webhook, wecom
from workflow_adapters.notify.channels import NotSent
from workflow_adapters.notify.settings import BadChannel

NOW = 1_600_000_000_000_000
SECRET = "SEC-invented"
CONTENT = "item-77"


def notice(*about: dict[str, Any], recipient: str = "p1") -> Notice:
    """A notice of some messages; ``about`` says of each what it is about: ``flow``, ``classified``."""
    messages = tuple(
        Message(f"k{n}", "reminded", NOW, {"item": CONTENT, "rule": "plan"}, **one)
        for n, one in enumerate(about or ({},))
    )
    return Notice("notice-1", recipient, messages, 1)


class Service:
    """A local server; ``answer`` gives status and body for what was asked."""

    def __init__(
        self, answer: Callable[[str, dict[str, str], bytes], tuple[int, bytes]], headers: dict[str, str]
    ) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        outer, headers_back = self, headers

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.asked.append((self.path, headers, body))
                status, said = answer(self.path, headers, body)
                self.send_response(status)
                for name, value in headers_back.items():
                    self.send_header(name, value)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def service(
    answer: Callable[[str, dict[str, str], bytes], tuple[int, bytes]], headers: dict[str, str] | None = None
) -> Iterator[Service]:
    made = Service(answer, headers or {})
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


def withheld(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """What the operator reads of what was kept back: how many messages, and why."""
    told = [r for r in caplog.records if r.getMessage() == "notice.withheld"]
    return [(getattr(r, "wf_messages"), getattr(r, "wf_why")) for r in told]  # noqa: B009


def test_classified_matters_never_leave(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with service(_webhook) as server:
        send = webhook(settings(tmp_path, url=server.url, classified=["secret-flow"]), SettableClock(NOW))
        with pytest.raises(Withheld, match="classified"):
            send(notice({"flow": "secret-flow"}, {"flow": "open-flow", "classified": True}))
        assert server.asked == []
        send(notice({"flow": "secret-flow"}, {"flow": "open-flow"}))
        assert "1 项待办" in server.asked[0][2].decode()
    assert withheld(caplog) == [(1, "classified")]


@pytest.mark.parametrize("marked", ["in the flow", "in the settings", "nowhere"])
def test_a_reminder_of_a_classified_matter_reaches_no_outside_channel_and_whoever_operates_it_sees_why(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, marked: str
) -> None:
    """Through the engine, so that what the mark is compared with is what an item really says of itself."""
    head = "flow: hushed\nclassified: true\n" if marked == "in the flow" else "flow: hushed\n"
    world.engine.publish(
        loads(flow_text(TALK.replace("flow: talk\n", "flow: hushed\n")).replace("flow: hushed\n", head))
    )
    world.engine.open("hushed", "o1", item=CONTENT)
    world.engine.urge(CONTENT, Actor("t1-secretary", "secretary", "t1"))
    named = ["hushed"] if marked == "in the settings" else []
    with service(lambda *_: (204, b"")) as server:
        send = webhook(settings(tmp_path, url=server.url, classified=named), world.clock)
        done = deliver(world.engine, send)
        assert deliver(world.engine, send) == Delivered()  # nothing comes again
        asked = [body.decode() for _, _, body in server.asked]
    if marked == "nowhere":
        assert (done.notices, done.withheld, len(asked)) == (1, 0, 1) and withheld(caplog) == []
    else:
        assert (done.notices, done.withheld, asked) == (0, 1, []) and withheld(caplog) == [(1, "classified")]


def test_what_comes_above_the_limit_waits_for_its_turn_and_counts_as_no_failure(tmp_path: Path) -> None:
    clock = SettableClock(NOW)
    with service(_webhook) as server:
        send = webhook(settings(tmp_path, url=server.url, per_minute=2), clock)
        send(notice())
        clock.set(NOW + 10_000_000)
        send(notice())
        with pytest.raises(NotYet) as told:
            send(notice())
        assert told.value.at == NOW + 60_000_000
        clock.set(told.value.at)
        send(notice())
        with pytest.raises(NotYet) as told:
            send(notice())
        assert told.value.at == NOW + 70_000_000
        assert len(server.asked) == 3


def test_feishu_gets_five_a_second_at_most(tmp_path: Path) -> None:
    clock = SettableClock(NOW)
    with service(_feishu) as server:
        send = feishu(settings(tmp_path, url=server.url, per_minute=100), clock)
        for _ in range(5):
            send(notice())
        with pytest.raises(NotYet) as told:
            send(notice())
    assert told.value.at == NOW + 1_000_000


@pytest.mark.parametrize(
    ("kind", "answer", "headers", "seconds"),
    [
        ("dingtalk", (200, b'{"errcode": 130101, "errmsg": "send too fast"}'), {}, 600),
        ("wecom", (200, b'{"errcode": 45009, "errmsg": "api freq out of limit"}'), {}, 60),
        ("feishu", (200, b'{"code": 11232, "msg": "frequency limited"}'), {}, 60),
        ("webhook", (429, b""), {"Retry-After": "7"}, 7),
        ("webhook", (429, b""), {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60),
        ("webhook", (429, b""), {"Retry-After": "999999999999"}, 60),
    ],
)
def test_a_service_that_takes_no_more_is_left_alone_for_as_long_as_it_says(
    kind: str, answer: tuple[int, bytes], headers: dict[str, str], seconds: int, tmp_path: Path
) -> None:
    make, path, _ = ROBOTS[kind]
    clock = SettableClock(NOW)
    with service(lambda *_: answer, headers) as server:
        send = make(settings(tmp_path, url=server.url + path), clock)
        for later in (0, 1):  # the second is not even sent
            clock.set(NOW + later)
            with pytest.raises(NotYet) as told:
                send(notice())
            assert told.value.at == NOW + seconds * 1_000_000
        assert len(server.asked) == 1


def test_nobody_without_an_address_is_reached(tmp_path: Path) -> None:
    send = webhook(settings(tmp_path, url="http://127.0.0.1:1", recipients={"p2": "x"}), SettableClock(NOW))
    with pytest.raises(NotSent, match="no address"):
        send(notice(recipient="p1"))


class _Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to receive one mail, encrypted where the server has a certificate."""

    def handle(self) -> None:
        got: list[str] = self.server.got  # type: ignore[attr-defined]
        good: ssl.SSLContext | None = getattr(self.server, "good", None)
        if good is not None and self.server.at_once:  # type: ignore[attr-defined]
            self._encrypt(good)
        self._say(b"220 local")
        reading = False
        while raw := self.rfile.readline():
            line = raw.decode().rstrip("\r\n")
            if reading:
                if line == ".":
                    reading = False
                    self._say(b"250 taken")
                else:
                    got.append(line)
            elif line.upper() == "DATA":
                reading = True
                self._say(b"354 go on")
            elif line.upper() == "QUIT":
                self._say(b"221 bye")
                return
            elif line.upper() == "STARTTLS" and good is not None:
                self._say(b"220 go on")
                self._encrypt(good)
            else:
                self._say(b"250-local\r\n250 STARTTLS" if line.upper().startswith("EHLO") else b"250 ok")

    def _encrypt(self, good: ssl.SSLContext) -> None:
        self.request = good.wrap_socket(self.request, server_side=True)
        self.rfile = self.request.makefile("rb")

    def _say(self, said: bytes) -> None:
        self.request.sendall(said + b"\r\n")


@contextmanager
def mail_server(good: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A mail server's port, and the lines of the mails it got."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.daemon_threads = True
        server.got, server.good, server.at_once = [], good, at_once  # type: ignore[attr-defined]
        server.handle_error = lambda *_: None  # type: ignore[assignment,misc]  # a caller that does not trust us hangs up
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], server.got  # type: ignore[attr-defined]
        server.shutdown()


def by_mail(folder: Path, port: int, **more: Any) -> str:
    values = {"host": "127.0.0.1", "port": port, "sender": "flow@host.example", "lang": "en", **more}
    return settings(folder, recipients={"p1": "p1@host.example"}, **values)


def test_mail_says_that_a_task_waits_under_an_id_that_a_second_try_repeats(tmp_path: Path) -> None:
    with mail_server() as (port, lines):
        send = mail(by_mail(tmp_path, port, starttls=False), SettableClock(NOW))
        send(notice())
        send(notice())
        got = "\n".join(lines)
    assert "1 task waiting" in got and CONTENT not in got
    assert got.count("Date: Sun, 13 Sep 2020 12:26:40 +0000") == 2
    ids = [line for line in got.splitlines() if line.startswith("Message-ID:")]
    assert len(ids) == 2 and len(set(ids)) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody vouches for, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begins, begins + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + plain)
    return path


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_mail_goes_to_no_server_whose_certificate_nobody_vouches_for(
    way: str, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    good.load_cert_chain(certificate)
    with mail_server(good, at_once=way == "tls") as (port, lines):
        send = mail(by_mail(tmp_path, port, tls=way == "tls", user="u", password=SECRET), SettableClock(NOW))
        with pytest.raises(NotSent, match="CertVerification") as refused:
            send(notice())
        assert lines == [] and SECRET not in str(refused.value)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mail(by_mail(tmp_path, port, tls=way == "tls"), SettableClock(NOW))(notice())
    assert any("1 task waiting" in line for line in lines)


@pytest.mark.parametrize(("address", "named"), [("13800000000", "atMobiles"), ("user-1", "atUserIds"), ("all", "")])
def test_dingtalk_tells_whoever_is_named_in_the_text_too(address: str, named: str, tmp_path: Path) -> None:
    with service(_dingtalk) as server:
        where = settings(tmp_path, url=f"{server.url}/robot/send?access_token=t", recipients={"*": address})
        dingtalk(where, SettableClock(NOW))(notice())
        said = json.loads(server.asked[0][2])
    assert said["at"] == ({named: [address]} if named else {"isAtAll": True})
    assert (f"@{address}" in said["text"]["content"]) is bool(named)


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
