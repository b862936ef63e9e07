"""Honest bundles for the attacks, and the means to change them as an attacker would.

All units and persons are invented. Personal keys are derived from the person's id, the others are made afresh.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.authorities import CA, OURS, STAMPS, der, known_as, pem
from tests.contract.polling import BAD, GOOD, Poll
from tests.contract.test_checks import FLOW as JOB
from tests.contract.test_clocks import CLOCKS, PLAN
from tests.contract.test_counting import MEASURES as TALK_MEASURES
from tests.contract.test_counting import SIT
from tests.contract.world import BAD_VOTE, MATTER, MEASURES, SHEET, SHEETS, World, flow_text, make_world
from workflow import Actor, bundle, loads, orgbook, tick
from workflow.acts import Migrate, Sign
from workflow.clock import moment
from workflow.evidence import canonical
from workflow.evidence.checkpoint import COSIGNATURE, NoteKey, cosign
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import key_id_of
from workflow.keybook import Keybook
from workflow.logbook import Logbook
from workflow.store import database

ORIGIN = "signoff.local/log"


class Held:
    """A key in memory."""

    def __init__(self, seed: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())

    def key_id(self) -> bytes:
        return key_id_of(self.public_key())

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def certifiable(self) -> Any:
        return self._key.public_key()


def own_key(person: str) -> bytes:
    """The registered public key of an invented person; the handlers have none."""
    return Held(f"person {person}").public_key()


NODE, NEXT_NODE = Held("another node"), Held("another node, later")  # handed over, then revoked
WITNESSES = {name: Held(name) for name in ("superior.example", "discipline.example", "archive.example")}
STRANGER = Held("a stranger")


def witness_key(name: str) -> NoteKey:
    return NoteKey(name, COSIGNATURE, WITNESSES[name].public_key())


@dataclass
class Bundle:
    """A bundle taken apart. ``data`` puts it together again, with a fresh last line."""

    lines: list[dict[str, Any]]
    ended: bool = True
    touched: list[dict[str, Any]] = field(default_factory=list)  # lines whose bodies were changed

    @classmethod
    def of(cls, data: bytes) -> Bundle:
        return cls([json.loads(line) for line in data.splitlines()][:-1])

    def copy(self) -> Bundle:
        return Bundle(copy.deepcopy(self.lines), self.ended)

    @property
    def data(self) -> bytes:
        out = b"".join(
            canonical.encode(line, size_limit=bundle.LINE_LIMIT, depth_limit=200) + b"\n" for line in self.lines
        )
        if not self.ended:
            return out
        end = {"t": "end", "lines": len(self.lines) + 1, "digest": "sha256:" + hashlib.sha256(out).hexdigest()}
        return out + canonical.encode(end) + b"\n"

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["t"] == kind]

    def entries(self, chain: str) -> list[dict[str, Any]]:
        return [line for line in self.of_kind("entry") if line["chain"] == chain]

    def drop(self, *gone: dict[str, Any]) -> None:
        self.lines = [line for line in self.lines if not any(line is g for g in gone)]

    def after(self, line: dict[str, Any], new: dict[str, Any]) -> None:
        self.lines.insert(next(i for i, known in enumerate(self.lines) if known is line) + 1, new)


def body_of(line: dict[str, Any]) -> dict[str, Any]:
    """The plain body of an entry's line."""
    plain: dict[str, Any] = json.loads(base64.b64decode(line["body"]))
    return plain


def with_body(line: dict[str, Any], body: dict[str, Any]) -> None:
    line["body"] = base64.b64encode(canonical.encode(body)).decode()


def hash_of(line: dict[str, Any]) -> bytes:
    return entry_hash(base64.b64decode(line["body"]), base64.b64decode(line["seal"]))


def rehash(made: Bundle, chain: str, key: Any = None, *, log: bool = False) -> None:
    """Link a chain anew after its bodies were changed, as somebody who holds the database would.

    Args:
        key: seals what was changed; without one the old seals stay where they are.
        log: leave the paths into the log as they are; else those of changed entries are taken out.
    """
    previous, seq = b"", 0
    entries = made.entries(chain)
    for seq, line in enumerate(entries, 1):
        before = hash_of(line)
        body = body_of(line)
        if (body["prev"], body["seq"]) != (previous.hex(), seq):
            body |= {"prev": previous.hex(), "seq": seq}
            with_body(line, body)
        line["seq"] = seq
        if key is not None and (hash_of(line) != before or any(line is t for t in made.touched)):
            (seal,) = seal_entries([base64.b64decode(line["body"])], key)
            line["seal"] = base64.b64encode(seal).decode()
        previous = hash_of(line)
        if previous != before and not log:
            line.pop("index", None)
            line.pop("path", None)
    for head in made.of_kind("head"):
        if head["chain"] == chain:
            head |= {"seq": seq, "hash": previous.hex()}


@dataclass
class Honest:
    """A world with a log, the bundles made of it, and what an auditor has of their own."""

    world: World
    book: Logbook
    item: Bundle = field(default_factory=lambda: Bundle([]))
    campaign: Bundle = field(default_factory=lambda: Bundle([]))
    early: Bundle = field(default_factory=lambda: Bundle([]))
    plain: Bundle = field(default_factory=lambda: Bundle([]))
    checkpoint: str = ""
    first_checkpoint: str = ""
    policy: dict[str, Any] = field(default_factory=dict)
    entries: int = 0

    @property
    def engine_key(self) -> Any:
        return self.world.engine.key

    def give(self, level: str) -> tuple[dict[str, Any] | None, str | None]:
        """Policy and checkpoint of an auditor who wants a level and brings no more than it takes."""
        policy = dict(self.policy)
        if level == "V1":
            return None, None
        if level in ("S1", "WET"):  # who wants more of signatures, and lets ink count beside them
            return policy | {"strength": "S1", "wet": level == "WET"}, self.checkpoint
        if level in ("V2", "V3"):
            policy |= {"witnesses": [], "quorum": 0}
        return policy, None if level == "V2" else self.checkpoint


def sign_own(world: World, item: str, *, certified: bool = False, **more: Any) -> None:
    """The next open place, signed with the person's own key over prepared bytes; S3 where the key is certified."""
    case = world.case(item)
    slot = case.open_slots[0]
    by = world.actor(slot)
    act = Sign(item=item, by=by, seen=case.content, slot=slot.key, opinion="同意", **more)
    prepared = world.engine.prepare(act)
    key = Held(f"person {by.person}")
    proof = {
        "nonce": prepared.nonce,
        "at": prepared.at,
        "key": key.public_key().hex(),
        "signature": key.sign(prepared.to_sign()).hex(),
    }
    if certified:
        certificate = CA.issue(key.certifiable(), known_as(by.person))
        token = STAMPS.token(bytes.fromhex(str(proof["signature"])), moment(world.clock.now()))
        proof |= {"certificate": der(certificate).hex(), "timestamp": token.hex()}
    world.engine.sign(item, by, case.content, slot=slot.key, opinion="同意", proof=proof, **more)


def written(world: World, kind: Any, name: str, *, log: bool = True, **more: Any) -> Bundle:
    """An honest bundle."""
    out = io.BytesIO()
    with world.engine.reading() as connection:
        proofs = bundle.LogProofs(connection) if log else None
        made_at = world.clock.now()
        bundle.write(connection, world.engine.contents, out, kind, name, made_at=made_at, log=proofs, **more)
    return Bundle.of(out.getvalue())


def _placed(world: World) -> None:
    """An item whose places are delegated, recalled, handed over, passed over and signed in ink, and that rested."""
    engine, item, why = world.engine, "p1", "an invented reason"
    handler, secretary = Actor("o1-handler", "handler", "o1"), Actor("o1-secretary", "secretary", "o1")
    above, office = Actor("s1-secretary", "secretary", "s1"), Actor("s1-department", "department", "s1")
    engine.publish(loads(flow_text(SHEETS)))
    engine.open("sheets", "o1", item=item, campaign="c1")
    engine.submit(item, handler, SHEET)
    engine.suspend(item, above, world.case(item).content, why)
    engine.activate(item, office, world.case(item).content, why)
    engine.copy_to(item, handler, Actor("t1-department", "department", "t1"))
    world.sign(item)
    seen = world.case(item).content
    engine.delegate(item, secretary, seen, "2", "o1-scrutineer", "scrutineer", why)
    engine.hand_over(item, Actor("t1-secretary", "secretary", "t1"), seen, "2", "o1-scrutineer", "o1-secretary", why)
    engine.delegate(item, secretary, seen, "2", "o1-scrutineer", "scrutineer", why)
    engine.recall(item, secretary, seen, "2")
    engine.delegate(item, secretary, seen, "2", "o1-scrutineer", "scrutineer", why)
    world.sign(item, by=Actor("o1-scrutineer", "secretary", "o1"))
    today = f"{moment(world.clock.now(), 'Asia/Shanghai'):%Y-%m-%d}"
    prepares = Actor("t1-handler", "handler", "t1")
    by, seen = Actor("t1-department", "department", "t1"), world.case(item).content
    world.sign(item, by=prepares)
    engine.sign_in_ink(item, by, seen, scan=b"an invented scan", on=today, registrar=prepares)
    seen = world.case(item).content
    engine.ask_override(item, office, seen, "5", why)
    engine.override(item, above, seen, "5", why)
    engine.open("sheets", "o3", item="p2", campaign="c1")
    engine.suspend("p2", above, world.case("p2").content, why)  # and it rests still


def _counted(world: World) -> None:
    """A talk that was put on the count of a person and taken off again, since a finding shows that it should not be."""
    engine, by = world.engine, Actor("t1-secretary", "secretary", "t1")
    for text in (SIT, TALK_MEASURES):
        engine.publish(loads(flow_text(text)))
    engine.open("sit", "t1", item="c1-talk", campaign="c1")
    engine.submit("c1-talk", by, {"talks": [{"who": "p1", "day": "2019-08-05", "by": "b1"}]}, outcome="recorded")
    engine.sign("c1-talk", by, world.case("c1-talk").content)
    above = Actor("s1-secretary", "secretary", "s1")
    engine.reverse("c1-talk", above, world.case("c1-talk").content, "an invented reason", "record-1")


def _checked(world: World) -> None:
    """What was claimed is checked: once it is not so and goes back with a new date, then it is."""
    engine, by = world.engine, Actor("g1-department", "department", "g1")
    engine.publish(loads(flow_text(JOB)))
    engine.open("job", "o1", item="j1", campaign="c1", category="leak")
    world.through("j1")
    due = f"{moment(world.clock.now(), 'Asia/Shanghai') + timedelta(days=30):%Y-%m-%d}"
    said = ("photo-1", "the pipe drips (invented)")
    engine.record_check("j1", by, world.case("j1").content, "refuted", *said, method="covert-visit", due=due)
    world.through("j1")
    engine.record_check(
        "j1", by, world.case("j1").content, "confirmed", "photo-2", "dry (invented)", method="telephone"
    )


LOOSE = """flow: loose
title: {zh: 示例登记, en: an invented register}
materials:
  sheet: {title: sheet, fields: {count: {type: integer, required: false}, words: {type: text, max: 50}}}
stages:
  - stage: fill
    duty: secretary
    materials: sheet
    slots: secretary
    exits: {done: done}
  - stage: done
    final: true
"""


def _timed(world: World) -> None:
    """A date that is put off, and a clock that stands still and goes on."""
    engine, why = world.engine, "an invented reason"
    engine.publish(loads(flow_text(CLOCKS)))
    engine.open("clocks", "o1", item="t1-clocks", campaign="c1")
    engine.submit("t1-clocks", Actor("o1-handler", "handler", "o1"), PLAN, outcome="done")
    world.through("t1-clocks")
    seen, office = world.case("t1-clocks").content, Actor("t1-department", "department", "t1")
    engine.extend("t1-clocks", Actor("s1-secretary", "secretary", "s1"), seen, "2019-08-28", why)
    engine.pause("t1-clocks", office, seen, why)
    world.clock.advance(timedelta(hours=3))
    engine.resume("t1-clocks", office, seen, why)


def _registered(world: World) -> None:
    """A paper with a figure, in whose place one without it comes."""
    engine, by = world.engine, Actor("o1-secretary", "secretary", "o1")
    engine.publish(loads(flow_text(LOOSE)))
    engine.open("loose", "o1", item="l1", campaign="c1")
    engine.submit("l1", by, {"sheet": {"count": 3, "words": "three (invented)"}})
    engine.submit("l1", by, {"sheet": {"words": "nobody counted (invented)"}})
    world.sign("l1")
    engine.certified = OURS
    engine.open("loose", "o1", item="l2", campaign="c1")
    engine.submit("l2", by, {"sheet": {"words": "signed with a certified key (invented)"}})
    sign_own(world, "l2", certified=True)


def _carried_over(world: World) -> None:
    """An item whose unit is dissolved, with a signature given before; and one that goes on by another version."""
    engine = world.engine
    engine.open("survey", "t2", item="s-t2", campaign="c1")
    found = {"found": [{"unit": "o1", "result": "found"}]}
    engine.submit("s-t2", Actor("t2-handler", "handler", "t2"), found, outcome="reported")
    world.sign("s-t2")
    today = f"{moment(world.clock.now(), 'Asia/Shanghai'):%Y-%m-%d}"
    with engine.desk() as desk:
        above = Actor("s1-secretary", "secretary", "s1")
        done = orgbook.dissolve(desk, above, "撤销(虚构)", unit="t2", successor="t1", on=today)
    assert done.items == ("s-t2",)
    world.walk_to("plan", "m11")
    top = Actor("g1-secretary", "secretary", "g1")
    tighter = loads(
        flow_text(MATTER, "2").replace("notice: {content: plan}\n    due: 10", "notice: {content: plan}\n    due: 7")
    )
    engine.put_in_force(tighter, top, "an invented reason")
    engine.act(Migrate(item="m11", by=top, to=tighter.digest, reason="the version in force"))


def _voted(world: World) -> None:
    """A secret vote: too few papers to be opened, then enough."""
    poll = Poll(world, "v1", 6, campaign="c1")
    poll.cast([GOOD] * 3)
    poll.count()
    assert poll.sign() == "vote"
    poll.begin()
    poll.cast([GOOD] * 5 + [BAD])
    poll.count()
    assert poll.sign() == "done"


def make_honest(folder: Path) -> Honest:
    """Items of three flows with acts of every kind, in a log that three witnesses cosigned."""
    world = make_world(f"sqlite:///{folder / 'workflow.db'}", folder / "home", key_of=own_key)
    engine = world.engine
    book = Logbook.at(engine, folder / "signer")
    honest = Honest(world, book)
    _keyed(world)
    _returned(world)
    sign_own(world, "m1")
    sign_own(world, "m1")
    book.sequence()
    honest.first_checkpoint = str(book.checkpoint().note)
    honest.early = written(world, "campaign", "c1")
    _timed(world)
    world.walk_to("closed", "m2")
    world.walk_to("closed", "m10")
    engine.reopen("m10", Actor("s1-department", "department", "s1"), world.case("m10").content, "反弹(虚构)")
    world.clock.advance(timedelta(days=16))
    _surveyed(world)
    _changed(world)
    _closed(world)
    _mandated(world)
    _placed(world)
    _counted(world)
    _checked(world)
    _voted(world)
    _registered(world)
    world.begin("m3", "o3")
    _carried_over(world)
    _revoked(world)
    world.clock.advance(timedelta(days=59))
    world.sign("m2")
    world.clock.advance(timedelta(days=1))
    tick(engine)
    engine.view("m2", Actor("s1-secretary", "secretary", "s1"), world.case("m2").content)
    world.clock.advance(timedelta(days=1))
    book.heads(world.clock.now())
    book.sequence()
    published = book.checkpoint()
    text = published.note.text
    for name, key in WITNESSES.items():
        line = str(cosign(text, name, key, world.clock.now() // 1_000_000))
        book.cosigned(line, [witness_key(name)])
    honest.item, honest.campaign = written(world, "item", "m2"), written(world, "campaign", "c1")
    honest.plain = written(world, "item", "m1", log=False)
    honest.checkpoint = str(published.note)  # as it left the log, before anybody cosigned it
    honest.policy = policy_of(world, book)
    honest.entries = world.entries()
    return honest


def _keyed(world: World) -> None:
    """Keys on record: of another node, handed over to its next, of a person and of a witness."""
    with database.writing(world.engine.db) as connection:
        book = Keybook(connection, world.engine.key, world.clock.now())
        book.register("engine", "node 2", NODE.public_key(), by="nobody", reason="another node", unvouched=True)
        book.register("signer", "t1-handler", own_key("t1-handler"), by="nobody", reason="a token", holder=None)
        witness = WITNESSES["archive.example"]
        book.register("witness", "archive.example", witness.public_key(), by="nobody", reason="asked", holder=witness)
        book.register("witness", "o3-secretary", STRANGER.public_key(), by="nobody", reason="named like a person")
        more = {"until": world.clock.now() + 3_600_000_000, "by": "nobody", "reason": "its year is over"}
        book.rotate("engine", NODE, NEXT_NODE, **more)


def _revoked(world: World) -> None:
    with database.writing(world.engine.db) as connection:
        at = world.clock.now()
        book = Keybook(connection, world.engine.key, at)
        id_ = NEXT_NODE.key_id().hex()
        book.revoke(id_, since=at - 86_400_000_000, by="nobody", reason="its disk was stolen")
        book.revoke(id_, since=at - 3_600_000_000, by="nobody", reason="its disk was stolen, said again")


def policy_of(world: World, book: Logbook) -> dict[str, Any]:
    """What an auditor pins: the keys were handed to them, not read from a bundle."""
    return {
        "origin": ORIGIN,
        "engine_keys": [{"key": k.public_key().hex()} for k in (world.engine.key, NODE, NEXT_NODE)],
        "checkpoint_keys": [str(book.note_key(1))],
        "witnesses": [str(witness_key(name)) for name in WITNESSES],
        "quorum": 2,
        "signers": {p: [own_key(p).hex()] for p in ("o3-handler", "o3-secretary", "t1-handler")},
        "authorities": [pem(CA.certificate)],
        "timestamps": [pem(STAMPS.root.certificate)],
    }


def _returned(world: World) -> None:
    """A report that goes up, is sent back, and goes up again."""
    world.begin("m1", "o3")
    world.sign("m1", proof={"method": "pin"})
    world.sign("m1")
    case = world.case("m1")
    by = world.actor(case.open_slots[0])
    slot = case.open_slots[0].key
    world.engine.send_back("m1", by, case.content, "数字有误,请核对(虚构理由)", proof={"method": "pin"})
    assert world.case("m1").open_slots[0].key != slot


def _changed(world: World) -> None:
    """A chain that people change on the way: taken back, lengthened, shortened, handed over; then marks from outside."""
    engine = world.engine
    world.begin("m4", "o3")
    handler, secretary = Actor("o3-handler", "handler", "o3"), Actor("o3-secretary", "secretary", "o3")
    world.sign("m4")
    engine.withdraw("m4", handler, "1")
    world.sign("m4")
    for _ in range(2):
        engine.add_signer("m4", secretary, "2", "o3", "handler", where="before")
        if len(world.case("m4").slots) % 2:
            engine.remove_signer("m4", secretary, world.case("m4").open_slots[0].key)
    engine.urge("m4", secretary)
    while world.case("m4").open_slots[0].kind != "review" or "+" in world.case("m4").open_slots[0].key:
        world.sign("m4")
    waiting = world.case("m4").open_slots[0]
    engine.transfer("m4", world.actor(waiting), waiting.key, waiting.unit, "handler")
    engine.adopt_nodes("m1", Actor("g1-secretary", "secretary", "g1"), "2")
    superior = Actor("t1-secretary", "secretary", "t1")
    zero = world.case("s-o3").content
    engine.contradict("s-o3", superior, zero, "实地查看发现情况(虚构)", "照片一(虚构)")
    corrected = {"statement": {"statement": "更正:仍无此类情况(虚构)"}}
    engine.supplement(
        "s-o1", Actor("o1-secretary", "secretary", "o1"), world.case("s-o1").content, corrected, "更正(虚构)"
    )
    engine.open("survey", "o1", item="s-owed", campaign="c1")
    engine.exempt("s-owed", superior, world.case("s-owed").content, "单位撤并(虚构)")


def _closed(world: World) -> None:
    """A notice that somebody objects to, an acceptance, and lines declared done."""
    engine = world.engine
    world.walk_to("published", "m6")
    engine.object_to("m6", "公示内容不实(虚构)")
    world.clock.advance(timedelta(days=14))
    world.sign("m6")
    superior = Actor("s1-secretary", "secretary", "s1")
    engine.accept("m6", superior, world.case("m6").content, opinion="同意")
    world.walk_to("vote", "m8")
    engine.record_tally("m8", Actor("o1-scrutineer", "scrutineer", "o1"), BAD_VOTE)
    world.sign("m8")
    world.sign("m8", due="2019-12-02")
    world.sign("m8")
    world.begin("m9", "o3", outcome="")
    world.sign("m9", outcome="dropped", reason="查无此事(虚构)")
    world.sign("m9")
    world.walk_to("work", "m7")
    secretary = Actor("o1-secretary", "secretary", "o1")
    engine.close_line("m7", secretary, "measures", 1, b"a photograph")
    engine.submit("m7", secretary, MEASURES)
    engine.close_line("m7", secretary, "measures", 2, b"another photograph")
    engine.close_out("m7", secretary, world.case("m7").content, opinion="同意")


def _mandated(world: World) -> None:
    """A place that somebody signs for its holder, by a written mandate."""
    world.begin("m5", "o3")
    world.sign("m5")
    holder = Actor("o3-secretary", "secretary", "o3")
    with world.engine.desk() as desk:
        orgbook.give_mandate(
            desk,
            holder,
            "出差(虚构)",
            mandate="w1",
            person="nobody",
            from_on="2019-08-12",
            until_on="2019-12-31",
            text="委托书(虚构)".encode(),
        )
    world.sign("m5", by=Actor("nobody", "secretary", "o3"))


def _surveyed(world: World) -> None:
    """Reports of two organisations, one of them zero; that of their superior relies on both and opens an item."""
    engine = world.engine
    for unit in ("o1", "o2", "o3"):
        report = f"s-{unit}"
        engine.open("survey", unit, item=report, campaign="c1")
        holder = Actor("t1-handler" if unit == "o2" else f"{unit}-handler", "handler", unit)
        engine.report_zero(report, holder, {"statement": {"statement": "查无此类情况(虚构)"}})
        world.through(report)
    engine.open("survey", "t1", item="s-t1", campaign="c1")
    found = {"found": [{"unit": "o1", "result": "found"}]}
    engine.submit("s-t1", Actor("t1-handler", "handler", "t1"), found, outcome="reported")
    world.through("s-t1")
