"""The channels themselves: what each service documents, and no more than that a task waits.

Signing, as documented by each: DingTalk HMAC-SHA256 of ``timestamp\\nsecret`` under the secret, in the query; Feishu
HMAC-SHA256 of nothing under ``timestamp\\nsecret``, in the body; WeCom a key in the address; our webhook HMAC-SHA256 of
``timestamp.body`` in the header ``X-Signoff-Signature``.

Limits, as documented by each: DingTalk and WeCom take 20 messages a minute of a robot, and DingTalk shuts one that sends
more out for ten minutes; Feishu takes 100 a minute and 5 a second. What comes above waits for its turn.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import ssl
from collections import deque
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote_plus
from urllib.request import HTTPRedirectHandler, Request, build_opener

from workflow import log
from workflow.clock import Clock, SystemClock, moment
from workflow.delivery import Message, Notice, NotYet, Send, Withheld
from workflow_adapters.notify.settings import Settings

SECOND = 1_000_000
MINUTE = 60 * SECOND
A_SECOND = 5  # messages that Feishu takes of a robot in one second
MOST_ANSWER = 64 * 1024
TOO_MANY = {130101: 600, 45009: 60, 11232: 60}
"""What the services answer to one message too many (DingTalk, WeCom, Feishu), and the seconds until another is taken."""


class NotSent(Exception):
    """The service did not take a notice. Says what it answered, never what was sent."""


class _TooMany(Exception):
    """The service takes no more for so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _NoRedirect(HTTPRedirectHandler):
    """A signed call goes where the settings say and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = build_opener(_NoRedirect)


class Channel:
    """What all channels share: who is reached, what is left out, how often. The limits are those of one process.

    Args:
        a_second: at most so many in a second; without a limit of its own when not given.
    """

    def __init__(
        self,
        settings: Settings,
        send: Callable[[str, str, Notice, int], None],
        clock: Clock | None,
        *,
        a_second: int | None = None,
    ) -> None:
        self.settings = settings
        self._send = send
        self._clock = clock or SystemClock()
        self._limits = [(settings.per_minute, MINUTE), *([(a_second, SECOND)] if a_second is not None else [])]
        self._sent: deque[int] = deque(maxlen=max(most for most, _ in self._limits))
        self._shut_until = 0
        self._lock = Lock()

    def __call__(self, notice: Notice) -> None:
        """Hand a notice over.

        Raises:
            NotSent: it could not be; it comes again.
            NotYet: a limit is reached, ours or the service's.
            Withheld: all of it is classified. Of what is so in part, the rest goes out.
        """
        waiting = sum(1 for m in notice.messages if not self._classified(m))
        if not waiting:
            raise Withheld("classified")
        address = self.settings.address(notice.recipient)
        if not address:
            raise NotSent("the settings name no address for this recipient")
        now = self._take_turn()
        try:
            self._send(address, self._text(waiting), notice, now)
        except _TooMany as told:
            with self._lock:
                self._shut_until = now + told.seconds * SECOND
            raise NotYet(self._shut_until) from None
        if waiting < len(notice.messages):
            log.withheld(notice.key, len(notice.messages) - waiting, "classified")

    def _classified(self, message: Message) -> bool:
        return message.classified or message.flow in self.settings.classified

    def _text(self, waiting: int) -> str:
        link = f" {self.settings.link}" if self.settings.link else ""
        if self.settings.lang == "zh":
            return f"您有 {waiting} 项待办,请登录办理。{link}".strip()
        return f"{waiting} task{'s' if waiting > 1 else ''} waiting for you.{link}"

    def _take_turn(self) -> int:
        """The moment, where something may go out at it."""
        with self._lock:
            now = self._clock.now()
            turns = [self._sent[-most] + span for most, span in self._limits if len(self._sent) >= most]
            if (turn := max([*turns, self._shut_until])) > now:
                raise NotYet(turn)
            self._sent.append(now)
            return now


def webhook(path: str, clock: Clock | None = None) -> Send:
    """A signed POST of JSON to an address of the host's: ``v, key, recipient, waiting, text``."""
    settings = Settings.read(path, "url", "secret")

    def send(address: str, text: str, notice: Notice, now: int) -> None:
        body = {"v": 1, "key": notice.key, "recipient": notice.recipient, "to": address, "text": text}
        data = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
        stamp = str(now // 1_000_000)
        mark = hmac.new(settings.secret.encode(), f"{stamp}.".encode() + data, hashlib.sha256).hexdigest()
        headers = {"X-Signoff-Timestamp": stamp, "X-Signoff-Signature": f"sha256={mark}", "Idempotency-Key": notice.key}
        _post(settings, settings.url, data, headers)

    return Channel(settings, send, clock)


def dingtalk(path: str, clock: Clock | None = None) -> Send:
    """A DingTalk group robot with a signing secret; an address is a mobile number or user id to mention, or ``all``."""
    settings = Settings.read(path, "url", "secret")

    def send(address: str, text: str, notice: Notice, now: int) -> None:
        stamp = str(now // 1000)
        mark = hmac.new(settings.secret.encode(), f"{stamp}\n{settings.secret}".encode(), hashlib.sha256).digest()
        url = f"{settings.url}&timestamp={stamp}&sign={quote_plus(base64.b64encode(mark))}"
        said, at = text, dict[str, Any](isAtAll=True)
        if address != "all":  # named in ``at`` and in the text: only then is somebody told
            said, at = f"{text} @{address}", {"atMobiles" if address.isdigit() else "atUserIds": [address]}
        _robot(settings, url, {"msgtype": "text", "text": {"content": said}, "at": at}, "errcode")

    return Channel(settings, send, clock)


def wecom(path: str, clock: Clock | None = None) -> Send:
    """A WeCom (企业微信) group robot; its key is in the address, so that the file is the secret."""
    settings = Settings.read(path, "url")

    def send(address: str, text: str, notice: Notice, now: int) -> None:
        mention = "@all" if address == "all" else address
        named = {"mentioned_mobile_list": [mention]} if mention.isdigit() else {"mentioned_list": [mention]}
        _robot(settings, settings.url, {"msgtype": "text", "text": {"content": text, **named}}, "errcode")

    return Channel(settings, send, clock)


def feishu(path: str, clock: Clock | None = None) -> Send:
    """A Feishu (飞书) group robot with a signing secret; an address is an open id to mention, or ``all``."""
    settings = Settings.read(path, "url", "secret")

    def send(address: str, text: str, notice: Notice, now: int) -> None:
        stamp = str(now // 1_000_000)
        mark = hmac.new(f"{stamp}\n{settings.secret}".encode(), b"", hashlib.sha256).digest()
        said = f'<at user_id="{address}"></at> {text}'
        body = {
            "timestamp": stamp,
            "sign": base64.b64encode(mark).decode(),
            "msg_type": "text",
            "content": {"text": said},
        }
        _robot(settings, settings.url, body, "code")

    return Channel(settings, send, clock, a_second=A_SECOND)


def mail(path: str, clock: Clock | None = None) -> Send:
    """Mail by SMTP, encrypted and to a server whose certificate is good, unless the settings say otherwise; an address is a
    mail address. An authority of the office's own is named as everywhere, in ``SSL_CERT_FILE``."""
    settings = Settings.read(path, "host", "sender")

    def send(address: str, text: str, notice: Notice, now: int) -> None:
        message = EmailMessage()
        message["From"], message["To"] = settings.sender, address
        message["Date"] = format_datetime(moment(now, "UTC"))
        message["Subject"] = "待办提醒" if settings.lang == "zh" else "Tasks waiting"
        message["Message-ID"] = (
            f"<{hashlib.sha256(notice.key.encode()).hexdigest()[:40]}@{settings.sender.split('@')[-1]}>"
        )
        message.set_content(text)
        try:
            with _mail_server(settings) as server:
                if settings.user:
                    server.login(settings.user, settings.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server did not take it: {type(error).__name__}") from None

    return Channel(settings, send, clock)


def _mail_server(settings: Settings) -> smtplib.SMTP:
    """A connection to the mail server. Without a context of its own, smtplib would take any certificate."""
    to, seconds = (settings.host, settings.port), settings.timeout
    if settings.tls:
        return smtplib.SMTP_SSL(*to, timeout=seconds, context=ssl.create_default_context())
    server = smtplib.SMTP(*to, timeout=seconds)
    try:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def _robot(settings: Settings, url: str, body: dict[str, Any], code: str) -> None:
    """A robot answers 200 to what it refuses; the number in its answer says whether it took it."""
    answer = _post(settings, url, json.dumps(body, ensure_ascii=False).encode(), {})
    try:
        found = json.loads(answer)
        taken = int(found.get(code, found.get("StatusCode", -1)))
    except (ValueError, AttributeError, TypeError):
        raise NotSent("the robot's answer is not what its documentation says") from None
    if taken in TOO_MANY:
        raise _TooMany(TOO_MANY[taken])
    if taken != 0:
        raise NotSent(f"the robot answered {code} {taken}")


def _post(settings: Settings, url: str, data: bytes, headers: dict[str, str]) -> bytes:
    request = Request(url, data=data, headers={"Content-Type": "application/json; charset=utf-8", **headers})
    try:
        with _OPENER.open(request, timeout=settings.timeout) as answer:
            read: bytes = answer.read(MOST_ANSWER)
            return read
    except HTTPError as error:
        error.close()
        if error.code == 429:
            raise _TooMany(_seconds(error.headers.get("Retry-After") or "")) from None
        raise NotSent(f"the service answered HTTP {error.code}") from None
    except OSError as error:
        raise NotSent(f"the service could not be reached: {type(error).__name__}") from None


def _seconds(said: str) -> int:
    """How long an answer 429 asks to wait: at least a second, an hour at most, and a minute where it does not say."""
    return min(max(int(said), 1), 3600) if said.isascii() and said.isdigit() and len(said) < 9 else 60
