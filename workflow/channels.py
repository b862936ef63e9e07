"""Where notices go. A channel is named as ``SCHEME:REST`` when a worker or a tick is started.

A channel is anything that can be called with a ``Notice`` (``delivery.Send``):

* it returns once the notice is handed over, for good; whatever it raises means that it was not, and the same notice
  comes again later, less and less often, while everybody else's go on;
* a notice may come twice, after a crash between handing over and noting so, or where another process takes over what
  one gave up on: ``notice.key`` is then the same, and so are its messages. A receiver that keeps keys keeps one;
* a channel that leads outside leaves out what is ``classified`` and raises ``delivery.Withheld`` where nothing is left; one
  whose turn has not come raises ``delivery.NotYet``. Neither counts as a failure;
* it is called from one thread of each process that delivers, with no transaction open, and may take its time. Where a
  worker gives up on a call that hangs (``Patient``), the next ones come from another thread while that one still runs.

Here are ``drop:FOLDER``, a file for each notice that some other program takes away, and ``console:``. Mail, messengers
and queues are adapters: a package names a function ``(rest: str) -> Send`` under the entry point group
``signoff_workflow.channels``, and its name is the scheme.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, wait
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TextIO, TypeAlias

from workflow.delivery import Hangs, Message, Notice, NotYet, Send
from workflow.errors import Unknown
from workflow.evidence import canonical

GROUP = "signoff_workflow.channels"
KEPT = 1_000  # calls that came back after they were given up on, and whose notices have not come again yet
_Hand: TypeAlias = SimpleQueue[tuple[Notice, Future[None]] | None]  # what a thread is given to send; None: no more
_TOPICS = {
    "reminded": ("提醒", "reminder"),
    "proposed": ("建议,待研究决定", "proposal to be decided"),
    "urged": ("催办", "urged"),
}


class Drop:
    """A file for each notice in a folder; whoever delivers it further removes the file.

    The name of a file is a digest of the notice's key, and a file that lies there is left as it is: a notice that comes
    again before it was taken away is one file. A file appears whole or not at all. It holds canonical JSON: ``v`` (1),
    ``key``, ``recipient`` (a person's id, or post@unit), ``messages`` of ``key, topic, at`` (µs UTC), ``facts, zh, en``, and
    ``classified`` where its flow says so: whoever carries it further must not take that one outside.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def __call__(self, notice: Notice) -> None:
        path = self.folder / f"{sha256(notice.key.encode()).hexdigest()[:40]}.json"
        if path.exists():
            return
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            file.write(canonical.encode(record(notice)))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


class Console:
    """A line for each message, in one language. For a try, and for a service whose output somebody collects."""

    def __init__(self, lang: str = "en", out: TextIO | None = None) -> None:
        self.lang, self.out = lang, out

    def __call__(self, notice: Notice) -> None:
        lines = [f"{notice.recipient}: {text(m, self.lang)}" for m in notice.messages]
        print(*lines, sep="\n", file=self.out or sys.stdout, flush=True)


class Patient:
    """A channel whose calls are given up on after some time, so that one recipient whose line hangs keeps nobody else from
    being told. What is given up on counts as not handed over, and comes again; while its call runs, and once that came
    back without an error after all, no other is made for it. Only this object knows: in another process it comes twice.

    Args:
        seconds: how long to wait for one notice.
        most: so many calls may hang at once; with more than that the channel itself does, and nothing is tried.
    """

    def __init__(self, send: Send, seconds: float = 60, most: int = 32) -> None:
        self._send, self._seconds, self._most = send, seconds, most
        self._left: dict[str, tuple[str, Future[None]]] = {}  # what was given up on, by its key: whose, and its call
        self._hand: _Hand | None = None
        self._lock = Lock()  # nothing is put into a hand behind its end

    def __call__(self, notice: Notice) -> None:
        """Hand a notice over.

        Raises:
            Hangs: it did not come back in time. NotYet: too many calls hang. Whatever the channel raises.
        """
        if self._arrived(notice.key):
            return
        hanging = [whose for whose, call in self._left.values() if not call.done()]
        if notice.recipient in hanging:
            raise Hangs("an earlier call has not come back")
        if len(hanging) >= self._most:
            raise NotYet
        call: Future[None] = Future()
        with self._lock:
            if self._hand is None:
                self._hand = SimpleQueue()
                given = (self._send, self._hand)  # not this object: a thread would keep it
                Thread(target=_work, args=given, name="signoff-workflow-channel", daemon=True).start()
            self._hand.put((notice, call))
        wait([call], self._seconds)
        if not call.done():
            self._leave(notice, call)
            raise Hangs(f"no answer within {self._seconds} s")
        call.result()

    def close(self) -> None:
        """Let the thread end, when its call has. What was given up on stays known; a further notice begins another thread."""
        with self._lock:
            if self._hand is not None:
                self._hand.put(None)
                self._hand = None

    def _arrived(self, key: str) -> bool:
        """Whether a call that was given up on has handed this over. Where it failed it is forgotten, for another try."""
        _, call = self._left.get(key, ("", None))
        if call is None or not call.done():
            return False
        del self._left[key]
        return call.exception() is None

    def _leave(self, notice: Notice, call: Future[None]) -> None:
        """Leave a call to its thread, which ends with it. Of those that came back, whose notices another process may have
        handed over, so many are kept."""
        self.close()
        self._left[notice.key] = (notice.recipient, call)
        ended = [key for key, (_, one) in self._left.items() if one.done()]
        for key in ended[: max(len(ended) - KEPT, 0)]:
            del self._left[key]


def _work(send: Send, hand: _Hand) -> None:
    while (given := hand.get()) is not None:
        notice, call = given
        try:
            send(notice)
        except BaseException as error:  # noqa: BLE001  whatever it is, it is raised where the notice came from
            call.set_exception(error)
        else:
            call.set_result(None)


def record(notice: Notice) -> dict[str, object]:
    """A notice as plain data: the same at every try."""
    messages = [
        {"key": m.key, "topic": m.topic, "at": m.at, "facts": m.facts, "zh": text(m, "zh"), "en": text(m, "en")}
        | ({"classified": True} if m.classified else {})
        for m in notice.messages
    ]
    return {"v": 1, "key": notice.key, "recipient": notice.recipient, "messages": messages}


def text(message: Message, lang: str) -> str:
    """A message in a sentence: what it is, and which item and due it is about. Never what anybody wrote."""
    zh, en = _TOPICS.get(message.topic, (message.topic, message.topic))
    facts = message.facts
    about = f"{facts['item']}" + (f" {facts['rule']}" if "rule" in facts else "")
    place = facts.get("to", {})
    where = f"{place['post']}@{place['unit']}" if place else ""
    if lang == "zh":
        return f"【{zh}】事项 {about}" + (f"(职务 {where})" if where else "")
    return f"{en}: item {about}" + (f" (as {where})" if where else "")


def channel(name: str, lang: str = "en") -> Send:
    """The channel that a name means: ``drop:FOLDER``, ``console:``, or one that an installed package offers.

    Raises:
        Unknown: no such scheme; says which there are.
    """
    scheme, _, rest = name.partition(":")
    if scheme == "console":
        return Console(lang)
    if scheme == "drop" and rest:
        return Drop(rest)
    offered = {e.name: e for e in entry_points(group=GROUP)}
    if scheme in offered:
        factory: Callable[[str], Send] = offered[scheme].load()
        return factory(rest)
    known = ", ".join(["drop:FOLDER", "console:", *(f"{n}:" for n in sorted(offered))])
    if lang == "zh":
        raise Unknown(kind="通知渠道", name=name, hint=f"。可用:{known}")
    raise Unknown(kind="channel", name=name, hint=f". Known are: {known}")
