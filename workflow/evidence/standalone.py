#!/usr/bin/env python3
"""A verifier for sign-off bundles (``.wfproof``) in one file, to be read in an afternoon and run without the package.

    python standalone.py verify BUNDLE --policy POLICY.json [--checkpoint FILE] [--require V3] [--json] [--lang zh]
    python standalone.py verify-diff OLD NEW [--policy POLICY.json] [--json] [--lang zh]

It needs Python 3.11 or newer and ``cryptography``, reads, and writes nothing. Nothing inside a bundle is trusted: which
log, keys, witnesses and algorithms count is in the policy, a JSON object of your own whose members may all be absent::

    {"origin": "example.org/log", "log": "...",        the name in statements; that of checkpoints where it differs
     "engine_keys": [{"key": HEX, "before": N}],       seal entries; "before": only those at log indexes below N
     "checkpoint_keys": ["NAME+HASH+BASE64"],          sign the log's checkpoints (keys in signed-note form)
     "witnesses": ["NAME+HASH+BASE64"], "quorum": 2,   cosign them, and how many of them must have
     "signers": {PERSON: [HEX]},                       keys of persons
     "strength": "S1", "wet": true,                    the weakest signature that counts; whether ink does beside it
     "digests": ["sha256"], "log_hash": "sha256"}      algorithms; sm3 is the other one

What each level means (it is computed, and never higher than what was checked):

V0 nothing was checked, or something does not hold; V1 bodies are canonical, chains unbroken from their first entry,
statements fit the acts that carry them and the contents under them, definitions and contents match their digests;
V2 all of it is sealed by keys of the policy; V3 every entry lies in the log that the checkpoint you brought yourself
fixes; V4 a quorum of your witnesses cosigned that; V5 a heads tree in the log proves that no chain was cut short.
Whether the rules of the definition allow this history is not checked here; the package's own verifier replays them.

A bundle is a file of lines, each a JSON object: one ``header``; then ``key`` (claimed only), ``library`` (definitions
and calendars), ``checkpoint``, ``consistency``, ``entry``, ``head``, ``heads``, ``content`` and ``withheld`` in any
number; one ``end`` with the digest of all bytes before it. Bytes are in base64, hashes in hex.
"""

from __future__ import annotations

import argparse
import binascii
import hashlib
import json
import re
import struct
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "wfproof/1"
FILE_LIMIT = 1 << 32
LINE_LIMIT = 64 << 20  # the largest content, in base64, fits
BODY_LIMIT = 4 << 20
NOTE_LIMIT = 1 << 16
POLICY_LIMIT = 16 << 20  # it may pin the keys of many persons
DEPTH_LIMIT = 64
FAILURES_KEPT = 1_000
LEVELS = ("V0", "V1", "V2", "V3", "V4", "V5")
STRENGTHS = ("S0", "S1", "S2", "S3")
WET = "WET"  # signed in ink on paper and registered with a scan

SEAL = "application/vnd.signoff.seal+v1"
STATEMENT = "application/vnd.signoff.statement+v1"
ENTRY = b"signoff/entry/v1"
# Chains that are no item's: the organisation's imports, what the log says of itself, which version of a flow came when.
ORG, LOG, FLOWS = "org", "log", "flows"

# What every failure and every limit of a check means, in English and Chinese.
WORDS = {
    "empty": ("nothing was checked", "未核验任何内容"),
    "format": ("the file is not a well-formed bundle", "文件不是合格的证据包"),
    "size": ("too large or too deep", "超出大小或层数上限"),
    "end": ("the bundle is cut short or was changed after it was made", "证据包不完整或制作后被改动"),
    "origin": ("of another log than the policy pins", "并非核验策略指定的日志"),
    "body": ("the entry's bytes are not canonical or lack a member", "记录字节不规范或缺项"),
    "chain": ("the chain of entries is broken", "记录链断裂"),
    "head": ("the chain does not end where the bundle says", "链末与证据包所称不符"),
    "library": ("a definition or calendar is absent or not what its digest says", "流程定义或日历缺失,或与摘要不符"),
    "content": ("a document is absent or not what its digest says", "材料缺失,或与摘要不符"),
    "tally": ("a tally sheet is not the sum of the opened papers", "计票单与开箱票不符"),
    "votes": ("votes whose papers are not in the bundle", "未附开箱票的投票"),
    "algorithm": ("a digest by an algorithm the policy does not allow", "摘要算法不在核验策略之内"),
    "act": ("the act does not fit its entry", "办理动作与记录不符"),
    "effect": ("the effects do not fit the act", "办理结果与办理动作不符"),
    "statement": ("the signed statement does not fit the act", "签署声明与办理动作不符"),
    "nonce": ("a single-use number was used twice", "一次性随机数重复使用"),
    "signer": ("the person's own signature does not hold", "个人签名不成立"),
    "strength": ("a signature weaker than the policy demands", "签名强度低于核验策略要求"),
    "cite": ("an entry that is relied on is absent or another one", "所依据的记录缺失或不符"),
    "seal": ("the engine's seal does not hold", "引擎封印不成立"),
    "key-position": ("sealed with a key outside the part of the log it counts for", "封印密钥超出其有效的日志区段"),
    "checkpoint": ("a checkpoint does not hold", "检查点不成立"),
    "inclusion": ("the entry is not in the log where the bundle says", "记录不在所称的日志位置"),
    "fork": ("the bundle's log is not the one of your checkpoint", "证据包的日志与您的检查点不是同一日志"),
    "heads": ("the proof of the chains' heads does not hold", "链首证明不成立"),
    "cut": ("the log knows later entries of the chain", "日志中该链另有后续记录"),
    "lost": ("something the earlier bundle held is gone", "先前证据包中的内容已丢失"),
    "changed": ("something the earlier bundle held was changed", "先前证据包中的内容被改动"),
    "rules": ("whether the rules of the definition allow this history", "流程规则是否允许这段历史"),
    "no-policy": ("signatures and seals: no policy was given", "签名与封印:未提供核验策略"),
    "no-engine-keys": ("seals: the policy pins no engine key", "封印:核验策略未指定引擎密钥"),
    "no-checkpoint": ("the log: you brought no checkpoint of your own", "日志:您未自带检查点"),
    "no-log": ("the log: the bundle carries no checkpoint", "日志:证据包不含检查点"),
    "older": (
        "the log: your checkpoint is newer than the bundle; ask for a new one",
        "日志:检查点新于证据包,请索取新包",
    ),
    "no-consistency": (
        "the log: no proof leads from your checkpoint to the bundle's",
        "日志:缺少两检查点间的一致性证明",
    ),
    "tail": ("the unanchored tail: entries outside your checkpoint", "未锚定的尾部:检查点之外的记录"),
    "no-quorum": ("witnesses: fewer than the policy's quorum cosigned", "见证:联署未达核验策略法定数"),
    "no-heads": ("completeness: a chain has no proven head", "完整性:有链缺少链首证明"),
    "withheld": ("contents that the bundle lists but does not hold", "仅列摘要、未附内容的材料"),
    "signer-unknown": ("persons' own signatures whose keys the policy lacks", "核验策略中没有其密钥的个人签名"),
    "selection": ("whether nothing else belongs to what was asked for", "所索取范围内是否另有事项"),
    "withdrawn": ("documents that the earlier bundle held and the later one only lists", "先前附有、现仅列摘要的材料"),
    "seal-only": (
        "entries whose kind this verifier does not know (chain and seal only)",
        "本程序不识其种类的记录(仅核链与封印)",
    ),
}
TITLES = {
    "result": ("result", "结论"), "holds": ("holds", "成立"), "fails": ("does NOT hold", "不成立"),
    "unchecked": ("could not be checked", "无法核验"), "level": ("level", "层级"), "wanted": ("asked for", "要求"),
    "entries": ("entries", "记录"), "chains": ("chains", "链"), "signatures": ("signatures", "签名"),
    "contents": ("contents", "材料"), "anchored": ("anchored", "已锚定"), "tail": ("unanchored tail", "未锚定尾部"),
    "rules": ("rules: not checked", "规则:未核验"), "not": ("not checked", "未核验"), "more": ("and more", "另有更多"),
}  # fmt: skip

Json = dict[str, Any]
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


class Bad(Exception):
    """Something does not hold. ``code`` is a key of ``WORDS``."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Unusable(Exception):
    """The verifier's own input (policy, checkpoint, arguments) cannot be used: exit 2."""


# --- bytes: canonical JSON, digests, signatures ------------------------------------------------------------------------


def _refused(text: str) -> NoReturn:
    raise Bad("body", f"the number {text[:20]}")


_decode = json.JSONDecoder(parse_float=_refused, parse_constant=_refused).decode
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode
_LONG = re.compile(r"[0-9]{16}")  # digits of which every integer beyond the profile has as many
_BEYOND_ASCII = re.compile(r'[^\x00-\x7f][^"]*+"(:?)')  # to the end of a text; a colon behind it says that it is a key


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value that is in the profile."""
    return _encode(value).encode()


def parse(data: bytes, limit: int) -> Any:
    """The value of canonical bytes.

    Raises:
        Bad: they are too large or too deep, no JSON, outside the profile, or not spelled canonically.
    """
    if len(data) > limit:
        raise Bad("size", f"{len(data)} bytes; at most {limit} are read")
    try:
        text = data.decode()
        value = _decode(text)
        if _encode(value) != text:
            raise Bad("body", "JSON, but not in its canonical spelling")
    except RecursionError:
        raise Bad("size", f"more than {DEPTH_LIMIT} levels of nesting") from None
    except ValueError as error:
        raise Bad("body", f"no JSON: {type(error).__name__}") from None
    if text.count("{") + text.count("[") > DEPTH_LIMIT and _depth(value) > DEPTH_LIMIT:
        raise Bad("size", f"more than {DEPTH_LIMIT} levels of nesting")
    surely = text.isascii() or (unicodedata.is_normalized("NFC", text) and '\\"' not in text)
    if not surely or _LONG.search(text) or (not text.isascii() and ":" in _BEYOND_ASCII.findall(text)):
        _look_closely(value)
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, (dict, list))]:
        depth += 1
        level = [child for v in level for child in (v.values() if isinstance(v, dict) else v)]
    return depth


def _look_closely(value: Any) -> None:
    """Every key ASCII, every text NFC, every integer small. ``value`` is not deeper than ``DEPTH_LIMIT``."""
    if isinstance(value, dict):
        for key, child in value.items():
            if not key.isascii():
                raise Bad("body", "a key that is not ASCII")
            _look_closely(child)
    elif isinstance(value, list):
        for child in value:
            _look_closely(child)
    elif isinstance(value, int) and not -(1 << 53) < value < 1 << 53:
        raise Bad("body", "an integer outside +-2**53")
    elif isinstance(value, str) and not unicodedata.is_normalized("NFC", value):
        raise Bad("body", "a text that is not in NFC")


def unbase64(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def hasher(algorithm: str) -> Callable[[bytes], Any]:
    """The constructor of a hash. ``hashlib.sha256`` itself, because ``hashlib.new`` costs three times as much."""
    return hashlib.sha256 if algorithm == "sha256" else lambda data: hashlib.new(algorithm, data)


def digest(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hasher(algorithm)(data).hexdigest()}"


def entry_hash(body: bytes, seal: bytes) -> bytes:
    """What the next entry of a chain cites: each part behind its length, so that no two can be read as others."""
    parts = (ENTRY, body, seal)
    return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).digest()


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is really signed."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def signed_by(key: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- Merkle trees (RFC 6962) -------------------------------------------------------------------------------------------


class Tree:
    """Proofs in trees of one hash algorithm. Leaves are hashed behind 0x00, nodes behind 0x01."""

    def __init__(self, algorithm: str = "sha256") -> None:
        self.hash = hasher(algorithm)

    def leaf(self, data: bytes) -> bytes:
        found: bytes = self.hash(b"\x00" + data).digest()
        return found

    def node(self, left: bytes, right: bytes) -> bytes:
        found: bytes = self.hash(b"\x01" + left + right).digest()
        return found

    def root_from(self, index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
        """The root that a leaf's path leads to; ValueError if no tree of that size has such a path there."""
        if not 0 <= index < size:
            raise ValueError(f"index {index} of {size}")
        last, made, rest = size - 1, leaf, list(reversed(path))
        while last:
            if index & 1:
                made = self.node(rest.pop(), made) if rest else _short()
            elif index < last:
                made = self.node(made, rest.pop()) if rest else _short()
            index, last = index >> 1, last >> 1
        if rest:
            raise ValueError("the path is too long")
        return made

    def consistent(self, m: int, n: int, old: bytes, new: bytes, path: Sequence[bytes]) -> bool:
        """Whether the tree of n leaves begins with that of m leaves (0 < m <= n). Source: RFC 9162, 2.1.4.2."""
        if m == n:
            return old == new and not path
        if not 0 < m < n or not path:
            return False
        hashes = [old, *path] if m & (m - 1) == 0 else list(path)
        node, last = m - 1, n - 1
        while node & 1:
            node, last = node >> 1, last >> 1
        first = second = hashes[0]
        for part in hashes[1:]:
            if last == 0:
                return False
            if node & 1 or node == last:
                first, second = self.node(part, first), self.node(part, second)
                while node and not node & 1:
                    node, last = node >> 1, last >> 1
            else:
                second = self.node(second, part)
            node, last = node >> 1, last >> 1
        return last == 0 and (first, second) == (old, new)


def _short() -> NoReturn:
    raise ValueError("the path is too short")


def hashes_of(data: bytes) -> list[bytes]:
    """A path written as one run of 32-byte hashes."""
    if len(data) % 32:
        raise ValueError("a path that is no run of 32-byte hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


SEALS = Tree()


# --- the verifier's policy and checkpoints -----------------------------------------------------------------------------


@dataclass
class Policy:
    """What the verifier decided beforehand. See the top of this file."""

    origin: str = ""
    log: str = ""
    engine_keys: dict[bytes, tuple[bytes, int | None]] = field(default_factory=dict)  # id -> key, below which index
    checkpoint_keys: list[tuple[str, bytes]] = field(default_factory=list)
    witnesses: list[tuple[str, bytes]] = field(default_factory=list)
    quorum: int = 0
    signers: dict[str, set[bytes]] = field(default_factory=dict)
    strength: str = "S0"
    digests: tuple[str, ...] = ("sha256",)
    log_hash: str = "sha256"
    wet: bool = False
    given: bool = False

    @classmethod
    def read(cls, data: bytes) -> Policy:
        """Raises ``Unusable`` for anything unknown: a misspelt member must not weaken a check unseen."""
        try:
            plain = json.loads(data)
            made = cls(given=True)
            for name in plain.keys() - {"v"}:
                if name not in cls.__dataclass_fields__ or name == "given":
                    raise ValueError(f"the unknown member {name!r}")
            for one in plain.get("engine_keys", []):
                key = _key(one["key"])
                before = one.get("before")
                if not (before is None or type(before) is int) or one.keys() - {"key", "before"}:
                    raise ValueError(f"an engine key with {sorted(one)}")
                made.engine_keys[hashlib.sha256(key).digest()[:8]] = (key, before)
            made.checkpoint_keys = [_note_key(one, 1) for one in plain.get("checkpoint_keys", [])]
            made.witnesses = [_note_key(one, 4) for one in plain.get("witnesses", [])]
            made.signers = {_text(p): {_key(k) for k in keys} for p, keys in plain.get("signers", {}).items()}
            made.origin, made.strength = _text(plain.get("origin", "")), plain.get("strength", "S0")
            made.log = _text(plain.get("log", made.origin))
            made.quorum, made.wet = plain.get("quorum", 0), plain.get("wet", False) is True
            made.digests, made.log_hash = tuple(plain.get("digests", ("sha256",))), plain.get("log_hash", "sha256")
            if type(made.quorum) is not int or not 0 <= made.quorum <= len({k for _, k in made.witnesses}):
                raise ValueError("a quorum that is no number up to that of the witnesses' keys")
            if made.strength not in STRENGTHS or not {*made.digests, made.log_hash} <= {"sha256", "sm3"}:
                raise ValueError("an unknown strength or algorithm")
            if made.engine_keys and not made.origin:
                raise ValueError("engine keys without the origin they seal for")
        except MALFORMED as error:
            raise Unusable(f"the policy cannot be used: {_said(error)}") from None
        return made


def _said(error: Exception) -> str:
    return str(error)[:80] or type(error).__name__


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text; got {type(value).__name__}")
    return value


def _key(text: str) -> bytes:
    key = bytes.fromhex(text)
    Ed25519PublicKey.from_public_bytes(key)
    return key


def _note_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def _note_key(text: str, kind: int) -> tuple[str, bytes]:
    """Name and key of a signed-note key. Kind 1 signs notes, kind 4 cosigns checkpoints."""
    name, label, data = text.split("+", 2)
    key = unbase64(data)
    if key[:1] != bytes([kind]) or len(key) != 33 or label != _note_id(name, kind, key[1:]).hex():
        raise ValueError(f"{text[:60]!r} is no key of kind {kind}")
    return name, key[1:]


@dataclass
class Checkpoint:
    """A C2SP tlog-checkpoint in a signed note."""

    origin: str
    size: int
    root: bytes
    signed: bytes
    signatures: list[tuple[str, bytes]]

    @classmethod
    def read(cls, note: str) -> Checkpoint:
        if len(note) > NOTE_LIMIT:
            raise ValueError("a note beyond the limit")
        head, _, tail = note.rpartition("\n\n")
        lines = head.split("\n")
        signatures = []
        if not tail.endswith("\n") or len(lines) < 3 or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
            raise ValueError("not a checkpoint")
        for line in tail[:-1].split("\n"):
            dash, name, signature = line.split(" ")
            if dash != "\u2014":
                raise ValueError("not a signature line")
            signatures.append((name, unbase64(signature)))
        root = unbase64(lines[2])
        if not lines[0] or len(root) != 32:
            raise ValueError("not a checkpoint")
        return cls(lines[0], int(lines[1]), root, f"{head}\n".encode(), signatures)

    def by(self, keys: Iterable[tuple[str, bytes]]) -> bool:
        """Whether one of these keys signed it (signed note, Ed25519)."""
        for name, key in keys:
            for named, data in self.signatures:
                if named == name and data[:4] == _note_id(name, 1, key) and signed_by(key, data[4:], self.signed):
                    return True
        return False

    def cosigners(self, witnesses: Iterable[tuple[str, bytes]]) -> int:
        """How many witnesses cosigned it, each key counted once (C2SP cosignature/v1)."""
        found = set()
        for name, key in witnesses:
            for named, data in self.signatures:
                if named == name and data[:4] == _note_id(name, 4, key) and len(data) == 76:
                    (moment,) = struct.unpack(">Q", data[4:12])
                    if signed_by(key, data[12:], b"cosignature/v1\ntime %d\n" % moment + self.signed):
                        found.add(key)
        return len(found)


# --- what an item's entries add up to ----------------------------------------------------------------------------------

# An act leads to exactly these effects of its own, the first of which repeats these members of the act.
_OWN_ACTS: dict[str, tuple[str, str]] = {
    "open": ("opened", "item flow unit campaign category fields_ cites"),
    **dict.fromkeys(("submit", "report-zero", "record-tally"), ("submitted", "materials figures")),
    **dict.fromkeys(("sign", "decide", "accept", "close-out", "look-back", "reopen"), ("signed", "")),
    "return": ("returned", ""), "withdraw": ("withdrawn", "slot"), "urge": ("urged", ""),
    "add-signer": ("signer-added", ""), "remove-signer": ("signer-removed", "slot"), "transfer": ("transferred", "slot"),
    "close-line": ("line-closed", "list no evidence"), "name-lead": ("lead-named", "person post unit role"),
    "post-notice": ("notice-posted", "content"), "objection": ("objection-raised", "text"),
    "adopt-nodes": ("nodes-bound", "nodes"), "move-item": ("moved", ""), "migrate": ("migrated", "to"),
    "extend": ("due-extended", ""), "pause": ("due-paused", ""), "resume": ("due-resumed", ""),
    "exempt": ("exempted", ""), "supplement": ("submitted supplemented", "materials figures"),
    "contradict": ("contradicted", "finding"), "reverse": ("reversed", "finding"),
    "delegate": ("delegated", "delegate"), "recall": ("recalled", ""), "copy": ("copied", "person post unit"),
    "hand-over": ("handed-over", "place leaver delegate"),
    "ask-override": ("override-asked", "place"), "override": ("overridden", "place"),
    "open-ballot": ("ballot-opened", "roll eligible codes keys"), "record-check": ("checked", "finding method"),
    "suspend": ("suspended", ""), "activate": ("activated", ""),
}  # fmt: skip
LEADS_TO = {kind: (names.split(), members.split()) for kind, (names, members) in _OWN_ACTS.items()}
OF_NO_PLACE: tuple[str, ...] = (
    "due-extended",
    "due-paused",
    "due-resumed",
    "exempted",
    "supplemented",
    "contradicted",
    "reversed",
)  # but signed
OF_NO_PLACE += ("handed-over", "override-asked", "overridden", "suspended", "activated", "ballot-opened", "checked")
SIGNED = ("signed", "returned", "delegated", "recalled", *OF_NO_PLACE)
SIGNATURES = frozenset(kind for kind, (effects, _) in LEADS_TO.items() if effects[-1] in SIGNED)
OWN = frozenset(effect for effects, _ in LEADS_TO.values() for effect in effects)
ALONG_WITH = {"suspend": "due-paused", "activate": "due-resumed"}  # of every clock there is, be they none or many
PLAIN = frozenset(
    {"view", "import-org", "publish", "fire", "reproject-due", "heads", "open-epoch", "incarnation"}
)  # to none of these
SLOTS_ONLY = frozenset(["signed", "slot-opened", "superseded", "not-needed"])  # effects that leave the content as it is
# Members of an act that its statement repeats as they are, and those of which it has the digest.
STATED = (
    *(
        "outcome",
        "vote",
        "due",
        "minutes",
        "rule",
        "to",
        "finding",
        "method",
        "on",
        "paper",
        "roll",
        "eligible",
        "codes",
        "keys",
        "straight",
        "delegate",
        "place",
        "leaver",
    ),
)
STATED_BY_DIGEST = ("opinion", "reason")


class Case:
    """As much of an item's state as its signatures cover: where it is, which slots are open, and the content shown."""

    def __init__(self) -> None:
        self.item = self.definition = self.stage = self.outcome = self.category = ""
        self.round, self.stays = 1, 0
        self.fields: Json = {}
        self.materials: Json = {}
        self.lists: Json = {}
        self.relies: list[Any] = []
        self.figures: Json = {}
        self.form = 1  # of the manifest: 2 has the figures that rules decide on
        self.assigned: Json = {}  # who was named in which role
        self.roll: Json = {}  # who had reported when a report over the children was drawn up
        self.ballot: Json = {}  # the vote of this stay
        self.slots: dict[str, Json] = {}
        self.shown = ""  # the content's digest, until something changes it

    def content(self) -> str:
        """The digest of what a person was shown: every material by digest, the outcome, the stage and the round."""
        if self.shown:
            return self.shown
        manifest = {
            "item": self.item, "round": self.round, "stage": self.stage, "stay": self.stays, "outcome": self.outcome,
            "category": self.category, "fields": self.fields, "materials": self.materials, "lists": self.lists,
            "relies": self.relies,
        }  # fmt: skip
        if self.form > 1 and self.figures:
            manifest["figures"] = self.figures
        if self.roll:
            manifest["roll"] = self.roll
        if self.assigned:
            manifest["assigned"] = self.assigned
        if self.ballot:
            manifest["ballot"] = self.ballot
        self.shown = digest(canonical(manifest))
        return self.shown

    def apply(self, effect: Json, seq: int) -> None:
        kind = effect["e"]
        if kind not in SLOTS_ONLY:
            self.shown = ""
        if kind == "opened":
            self.item, self.definition = effect["item"], effect["definition"]
            self.category, self.fields = effect.get("category", ""), effect.get("fields_", {})
            self.form = effect.get("form", 1)
        elif kind == "entered":
            if effect.get("round", self.round) != self.round:
                self.round = effect["round"]
                self.materials = {k: v for k, v in self.materials.items() if k in self.lists}
                self.figures = {k: v for k, v in self.figures.items() if k in self.lists}
            elif "without" in effect:  # a vote held again begins without the old sheet
                self.materials = {k: v for k, v in self.materials.items() if k not in effect["without"]}
                self.figures = {k: v for k, v in self.figures.items() if k not in effect["without"]}
            self.stage, self.outcome = effect["stage"], ""
            self.stays += 1
            self.ballot = {}
            self.slots = self._places(effect)
        elif kind == "submitted":
            self.materials = {**self.materials, **effect.get("materials", {})}
            if self.form > 1:
                self.figures = {k: v for k, v in self.figures.items() if k not in effect.get("materials", {})}
            for name, figures in effect.get("figures", {}).items():
                of_list = ("lines", "closed", "links") if "lines" in figures else ()
                self.figures[name] = {k: v for k, v in figures.items() if k not in (*of_list, "words")}
                if "lines" in figures:
                    kept = len(figures.get("closed", ()))
                    closings = self.lists[name]["closings"] if kept else ""
                    line = {"lines": figures["lines"], "open": figures["lines"] - kept, "closings": closings}
                    line |= {"links": figures["links"]} if "links" in figures else {}
                    self.lists = {**self.lists, name: line}
            self.outcome, self.relies = effect.get("outcome", self.outcome), effect.get("relies", self.relies)
            self.roll = effect.get("roll", self.roll)
        elif kind == "lead-named" and "role" in effect:
            person = {name: effect[name] for name in ("person", "post", "unit")}
            self.assigned = {**self.assigned, effect["role"]: person}
        elif kind == "ballot-opened":
            self.ballot = {**{k: v for k, v in effect.items() if k != "e"}, "seq": seq}
        elif kind == "outcome-set":
            self.outcome = effect["outcome"]
        elif kind == "signed":
            self.slots[effect["slot"]].update(state="signed", seq=seq)
        elif kind == "migrated":  # to another version of the flow; what was signed stays
            if self.definition != effect["from"]:
                raise Bad("effect", "migrated: from another definition than the item's")
            self.definition, self.stage = effect["to"], effect.get("stage", self.stage)
            if "slots" in effect:
                signed = {key for key, slot in self.slots.items() if slot["state"] == "signed"}
                self.slots = self._places(effect)
                if signed != {key for key, slot in self.slots.items() if slot["state"] == "signed"}:
                    raise Bad("effect", "migrated: a signature is dropped")
        elif kind == "moved":  # to the successor of a unit: the places nobody has signed; what was signed stays
            self.slots = {**self.slots, **self._places(effect)}
        elif kind in ("signer-added", "signer-removed", "transferred"):
            self.slots = self._places(effect)
        elif kind == "exempted":
            self.slots = {}
        elif kind in ("delegated", "recalled"):
            given = {k: effect.get(k, "") if kind == "delegated" else "" for k in ("delegate", "giver")}
            self.slots[effect["slot"]].update(given)
        elif kind == "handed-over":
            given = {k: effect[k] if effect.get("giver") else "" for k in ("delegate", "giver")}
            self.slots[effect["place"]].update(given)
        elif kind == "overridden":
            self.slots[effect["place"]]["state"] = kind
        elif kind == "slot-opened":
            self.slots[effect["slot"]]["state"] = "open"
        elif kind in ("superseded", "not-needed"):
            for key in effect["slots"]:
                self.slots[key].update(state="waiting" if kind == "superseded" else kind)
        elif kind == "line-closed":
            held = self.lists[effect["list"]]
            closings = digest(canonical([held["closings"], effect["no"], effect["evidence"]]))
            self.lists = {**self.lists, effect["list"]: {**held, "open": held["open"] - 1, "closings": closings}}

    def _places(self, effect: Json) -> dict[str, Json]:
        """The places an effect lays out. Only a signature signs one: those that are signed were so before."""
        laid = {slot["key"]: {"seq": 0, **slot} for slot in effect.get("slots", ())}
        for key, slot in laid.items():
            held = self.slots.get(key, {})
            if slot["state"] == "signed" and (held.get("state"), held.get("seq")) != ("signed", slot["seq"]):
                raise Bad("effect", f"{effect['e']}: place {key} is signed by nobody")
        return laid


def cited(act: Json) -> Iterator[str]:
    """The digests of the documents an act hands in."""
    yield from act.get("materials", {}).values()
    for name in ("minutes", "evidence", "text"):
        if act.get(name):
            yield act[name]
    if act.get("paper"):
        yield act["paper"]["scan"]
    if act.get("kind") == "import-org":
        yield act["content"]
        yield from act.get("parts", ())


@dataclass
class Chain:
    """What is kept of a chain while its entries pass by."""

    hashes: list[bytes] = field(default_factory=list)
    case: Case | None = None
    cites: Json = field(default_factory=dict)
    head: tuple[int, bytes] | None = None
    highest: int = -1  # log index of the last entry
    tail: bool = False


@dataclass
class Report:
    """What a verification found."""

    what: Json = field(default_factory=dict)
    origin: str = ""
    entries: int = 0
    chains: int = 0
    anchored: int = 0
    contents: int = 0
    withheld: int = 0
    recounted: int = 0  # votes whose sheet was added up again from the opened papers
    complete_at: int = 0  # the moment of the newest heads tree, microseconds UTC
    level: str = "V0"
    wanted: str = "V1"
    strengths: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    failed: int = 0
    unchecked: dict[str, int] = field(default_factory=lambda: {"rules": 0})  # code -> how many; 0: that says nothing

    def fail(self, code: str, place: str, detail: str) -> None:
        self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append((code, place, detail))

    def skip(self, code: str, count: int = 0) -> None:
        self.unchecked[code] = self.unchecked.get(code, 0) + count

    @property
    def exit_code(self) -> int:
        """0 holds, 1 does not hold, 2 could not be checked, or not up to the level asked for."""
        if self.failed and self.entries:
            return 1
        return 2 if self.level < self.wanted else 0


# --- the bundle --------------------------------------------------------------------------------------------------------

MEMBERS = {
    "header": {"t", "format", "origin", "made_at", "what", "chains"},
    "key": {"t", "role", "id", "public"},
    "library": {"t", "kind", "digest", "body"},
    "checkpoint": {"t", "note"},
    "consistency": {"t", "from", "to", "path"},
    "entry": {"t", "chain", "seq", "body", "seal"},
    "head": {"t", "chain", "seq", "hash"},
    "heads": {"t", "chain", "proof"},
    "content": {"t", "digest", "body"},
    "withheld": {"t", "digest"},
    "end": {"t", "lines", "digest"},
}
ORDER = {name: place for place, name in enumerate(MEMBERS)}  # lines of a kind stand together, in this order
ALLOWED = MEMBERS | {"entry": MEMBERS["entry"] | {"index", "path"}}


def lines_of(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    """The lines of a bundle, each of a known kind with its members, in their order; the last one is ``end``.

    Raises:
        Bad: anything else.
    """
    running, number, place, read = hashlib.sha256(), 0, -1, 0
    while data := file.readline(LINE_LIMIT + 1):
        number, read = number + 1, read + len(data)
        if len(data) > LINE_LIMIT or read > FILE_LIMIT:
            raise Bad("size", f"line {number}")
        if not data.endswith(b"\n"):
            raise Bad("end", f"line {number} is cut")
        try:
            plain = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Bad("format", f"line {number}: no JSON ({type(error).__name__})") from None
        kind = plain.get("t") if isinstance(plain, dict) else None
        if not isinstance(kind, str) or kind not in MEMBERS:
            raise Bad("format", f"line {number} is of no known kind")
        if not MEMBERS[kind] <= plain.keys() <= ALLOWED[kind]:
            raise Bad("format", f"line {number}: expected {sorted(MEMBERS[kind])}")
        if ORDER[kind] < place or (kind == "header") != (number == 1) or place == ORDER["end"]:
            raise Bad("format", f"line {number}: a {kind} is out of place")
        if kind == "end" and (plain["lines"], plain["digest"]) != (number, "sha256:" + running.hexdigest()):
            raise Bad("end", f"line {number}: other bytes stand before it than when it was made")
        place = ORDER[kind]
        running.update(data)
        yield number, plain
    if number == 0:
        raise Bad("empty", "the file is empty")
    if place != ORDER["end"]:
        raise Bad("end", f"no end after line {number}")


class Verifier:
    """Checks one bundle, line by line; of what has passed it keeps hashes only."""

    def __init__(self, policy: Policy, own: Checkpoint | None = None) -> None:
        self.policy, self.own = policy, own
        self.report = Report()
        self.chains: dict[str, Chain] = {}
        self.library: dict[str, Json] = {}
        self.contents: dict[str, bool] = {}  # digest -> whether the document is here
        self.named: dict[str, str] = {}  # digest of a document -> where it is first named
        self.citations: dict[
            tuple[str, int, str], str
        ] = {}  # chain, number (0: any), hash -> where it is first relied on
        self.opened: list[tuple[str, str, Json]] = []  # place, the item opened, the citation it must carry
        self.boxes: dict[str, list[tuple[str, Json, Json]]] = {}  # papers of a vote -> place, sheet, how it counts
        self.nonces: set[str] = set()
        self.sealed: set[tuple[bytes, bytes, bytes, int]] = set()
        self.log: Checkpoint | None = None
        self.tree = Tree(policy.log_hash)
        self.proofs: list[tuple[int, int, list[bytes]]] = []
        self.unknown_signers = 0
        self.fixed: Json = {}  # the newest act that fixed a heads tree
        self.head_proofs: dict[str, Json] = {}
        self.unproven = 0
        self.made = b""  # the hash of the entry that is being looked at

    def run(self, file: BinaryIO) -> Report:
        """Read a bundle to its end and collect whatever does not hold."""
        report, place = self.report, "bundle"
        try:
            for number, line in lines_of(file):
                place = f"line {number}"
                try:
                    getattr(self, "_" + line["t"])(line, place)
                except Bad as bad:
                    report.fail(bad.code, place, bad.detail)
                except MALFORMED as error:
                    report.fail("format", place, f"{type(error).__name__}: {_said(error)}")
        except Bad as bad:
            report.fail(bad.code, "bundle", bad.detail)
        try:
            self._whole()
        except Bad as bad:
            report.fail(bad.code, "bundle", bad.detail)
        self._level()
        return report

    # --- one line of each kind

    def _header(self, line: Json, place: str) -> None:
        report, wanted = self.report, line["chains"]
        if line["format"] != FORMAT or type(line["made_at"]) is not int:
            raise Bad("format", f"{place}: expected {FORMAT}")
        report.origin, report.what = _text(line["origin"]), {k: _text(v) for k, v in line["what"].items()}
        self.chains = {_text(name): Chain() for name in wanted}
        if self.policy.origin and report.origin != self.policy.origin:
            raise Bad("origin", f"expected {self.policy.origin}; got {report.origin}")

    def _key(self, line: Json, place: str) -> None:
        """Claimed keys tell whom to ask. Nothing is checked with them."""

    def _allowed(self, text: str, code: str) -> None:
        algorithm = text.partition(":")[0]
        if algorithm not in self.policy.digests:
            raise Bad("algorithm", f"{algorithm[:20]} of {code}; allowed: {', '.join(self.policy.digests)}")

    def _fits(self, line: Json, code: str) -> bytes:
        """The bytes of a line, if they are what its digest says."""
        self._allowed(line["digest"], code)
        data = unbase64(line["body"])
        if digest(data, line["digest"].partition(":")[0]) != line["digest"]:
            raise Bad(code, f"{line['digest']}: the bytes have another digest")
        return data

    def _library(self, line: Json, place: str) -> None:
        body = parse(self._fits(line, "library"), LINE_LIMIT)
        self.library[line["digest"]] = body

    def _content(self, line: Json, place: str) -> None:
        data = self._fits(line, "content")
        self.contents[line["digest"]] = True
        if line["digest"] in self.boxes:
            self._recount(line["digest"], data)

    def _recount(self, box: str, data: bytes) -> None:
        """The opened papers of a vote add up to the sheet that was signed over them; marks are each there once."""
        for place, sheet, ballot in self.boxes[box]:
            papers = parse(data, LINE_LIMIT)
            sums: Json = {"voted": len(papers)}
            for measure in ("aware", "dissatisfied"):
                ((field, chosen),) = ballot[measure].items()
                sums[measure] = sum(paper.get(field) in chosen for paper in papers)
            if not papers and sheet.get("voted", 0) < ballot.get("at-least", 5):
                sums["voted"] = sheet.get("voted")  # too few to be opened
            if any(sheet.get(name) != number for name, number in sums.items()):
                raise Bad("tally", f"{place}: the sheet is not the sum of the papers, {sums}")
            if len({paper["mark"] for paper in papers}) != len(papers):
                raise Bad("tally", f"{place}: two papers have one mark")
            self.report.recounted += 1

    def _withheld(self, line: Json, place: str) -> None:
        self.contents.setdefault(_text(line["digest"]), False)

    def _checkpoint(self, line: Json, place: str) -> None:
        if self.log is not None:
            raise Bad("format", f"{place}: a second checkpoint")
        self.log = log = Checkpoint.read(line["note"])
        if log.origin != (self.policy.log or log.origin):
            raise Bad("checkpoint", f"of {log.origin}; the policy pins {self.policy.log}")
        if self.policy.checkpoint_keys and not log.by(self.policy.checkpoint_keys):
            raise Bad("checkpoint", f"size {log.size}: not signed by a key of the policy")

    def _consistency(self, line: Json, place: str) -> None:
        self.proofs.append((line["from"], line["to"], hashes_of(unbase64(line["path"]))))

    def _head(self, line: Json, place: str) -> None:
        chain = self.chains.get(line["chain"])
        if chain is None or chain.head is not None:
            raise Bad("head", f"{line['chain']}: a head without its chain, or a second one")
        chain.head = (line["seq"], bytes.fromhex(line["hash"]))

    def _heads(self, line: Json, place: str) -> None:
        self.head_proofs[line["chain"]] = line["proof"]

    def _end(self, line: Json, place: str) -> None:
        """Its digest was checked when it was read."""

    def _entry(self, line: Json, _: str) -> None:
        report = self.report
        report.entries += 1
        name, number = _text(line["chain"]), line["seq"]
        place = f"{name}#{number}"
        chain = self.chains.setdefault(name, Chain())
        body, seal = unbase64(line["body"]), unbase64(line["seal"])
        self.made = made = entry_hash(body, seal)
        for look in (self._logged, self._sealed, self._stands):  # each of them, whatever the others find
            try:
                look(line, chain, body, seal, place)
            except Bad as bad:
                report.fail(bad.code, place, bad.detail)
            except MALFORMED as error:
                report.fail("body", place, f"a member is absent or of another form: {_said(error)}")
        chain.hashes.append(made)

    # --- one entry

    def _logged(self, line: Json, chain: Chain, body: bytes, seal: bytes, place: str) -> None:
        """Is the entry at its place in the bundle's log, after those before it, and in the log the verifier fixed?"""
        if "index" not in line:
            chain.tail = True
            return
        index = line["index"]
        if self.log is None or type(index) is not int:
            raise Bad("inclusion", "a place in the log, but no checkpoint")
        try:
            root = self.tree.root_from(
                index, self.log.size, self.tree.leaf(self.made), hashes_of(unbase64(line["path"]))
            )
        except (KeyError, ValueError) as error:
            raise Bad("inclusion", f"index {index} of {self.log.size}: {error}") from None
        if root != self.log.root:
            raise Bad("inclusion", f"index {index} of {self.log.size}: the path leads to another root")
        if chain.tail or index <= chain.highest:
            raise Bad("inclusion", f"index {index}: the log has it before an earlier entry of its chain")
        chain.highest = index
        if self.own is not None and index < self.own.size:
            self.report.anchored += 1

    def _sealed(self, line: Json, chain: Chain, body: bytes, seal: bytes, place: str) -> None:
        """Is the seal by a key of the policy, at a place of the log where that key counts, and over this body?"""
        if len(seal) < 80:
            raise Bad("seal", "too short")
        key_id, signature, index, size = struct.unpack_from(">8s64sII", seal)
        try:
            root = SEALS.root_from(index, size, SEALS.leaf(body), hashes_of(seal[80:]))
        except ValueError as error:
            raise Bad("seal", str(error)) from None
        if not self.policy.engine_keys:
            return
        key, before = self.policy.engine_keys.get(key_id, (None, None))
        if key is None:
            raise Bad("seal", f"the policy has no key {key_id.hex()}")
        if before is not None and not ("index" in line and line["index"] < before):
            raise Bad("key-position", f"key {key_id.hex()} counts only below index {before} of the log")
        known = (key_id, signature, root, size)
        if known not in self.sealed:
            if not signed_by(key, signature, pae(SEAL, root + size.to_bytes(4, "big"))):
                raise Bad("seal", f"the signature of key {key_id.hex()} does not cover this entry")
            self.sealed.add(known)

    def _stands(self, line: Json, chain: Chain, body: bytes, seal: bytes, place: str) -> None:
        """Does the entry stand where it says, behind the entry it says, and does it mean what it says?"""
        plain, number = parse(body, BODY_LIMIT), len(chain.hashes) + 1
        for member, kind in (("v", int), ("chain", str), ("seq", int), ("prev", str), ("at", int), ("act", dict)):
            if type(plain[member]) is not kind:
                raise Bad("body", f"{member}: expected {kind.__name__}")
        if plain["v"] != 1:
            raise Bad("body", f"an entry of version {plain['v']}; this verifier knows 1")
        previous = chain.hashes[-1].hex() if chain.hashes else ""
        for member, value in (("chain", line["chain"]), ("seq", number), ("prev", previous)):
            if plain[member] != value:
                raise Bad("chain", f"{member}: expected {value!r}; got {plain[member]!r}")
        if line["seq"] != number:
            raise Bad("chain", f"seq of the line: expected {number}; got {line['seq']!r}")
        self._means(plain, chain, place)

    def _means(self, body: Json, chain: Chain, place: str) -> None:
        """Do act, effects and statement of the entry fit each other, and all that was said before in its chain?"""
        act, effects, name, number = body["act"], body.get("effects", []), body["chain"], body["seq"]
        kind = act["kind"]
        for one in cited(act):
            self._allowed(one, "content")
            self.named.setdefault(one, place)
        if body.get("org"):
            self._cite(ORG, 0, body["org"], place)
        if kind == "open" and number == 1:
            chain.case, chain.cites = Case(), act.get("cites", {})
            if chain.cites.get("entry"):
                self._cite(chain.cites["item"], chain.cites["seq"], chain.cites["entry"], place)
        if kind == "move-item":
            self._cite(act["cites"]["item"], act["cites"]["seq"], act["cites"]["entry"], place)
        for fact, value in body.get("facts", {}).items():
            if fact.startswith("children "):
                for child in value:
                    if "head" in child:
                        self._cite(child["item"], child["seq"], child["head"], place)
        case = chain.case
        if name == LOG and kind == "heads":
            self.fixed = act
        if case is None:
            if kind in LEADS_TO or (kind in PLAIN and name not in (ORG, LOG, FLOWS, f"view:{act.get('item')}")):
                raise Bad("act", f"{kind} in a chain that is no item's, or another item's")
            if kind not in PLAIN and name not in (ORG, LOG, FLOWS):
                self.report.skip("seal-only", 1)
            return
        if act.get("item") != name or (kind == "open") != (number == 1):
            raise Bad("act", f"{kind} of {act.get('item')!r}")
        if kind not in LEADS_TO and kind not in PLAIN:
            self.report.skip("seal-only", 1)
        for digest_ in (body["definition"], body["calendar"]):
            self._allowed(digest_, "library")
            if digest_ not in self.library:
                raise Bad("library", f"{digest_} is not in the bundle")
        self._led(act, effects)
        self._sheet(act, case, self.library[body["definition"]], place)
        if kind in SIGNATURES:
            self._statement(body, case, effects, place)
        elif "statement" in body or "proof" in body:
            raise Bad("statement", f"{kind} carries one, and is no signature")
        for effect in effects:
            case.apply(effect, number)
            if effect["e"] == "item-opened":
                citation = {"item": name, "seq": number, "entry": self.made.hex()}
                self.opened.append((place, effect["item"], citation))
            for child in effect.get("relies", ()):
                self._cite(child["item"], child["seq"], child["head"], place)
        if (case.item, case.definition) != (name, body["definition"]):
            raise Bad("effect", "of another item or definition than it began with")

    def _sheet(self, act: Json, case: Case, flow: Json, place: str) -> None:
        """Remember the sheet of a vote until its papers are read; they stand behind all entries."""
        stage: Json = next((s for s in flow.get("stages", ()) if s.get("stage") == case.stage), {})
        tally = stage.get("tally", {})
        ballot, handed = tally.get("ballot"), act.get("materials", {})
        if ballot and ballot.get("by-choice") and not case.ballot:
            return  # counted by hand, on paper: there is nothing here to add up
        if ballot and tally["material"] in handed:
            sheet = act.get("figures", {}).get(tally["material"], {})
            if sheet.get("eligible") != case.ballot.get("eligible"):
                raise Bad("tally", "a sheet of another roll than the one frozen")
            self.boxes.setdefault(handed.get(ballot["box"], ""), []).append((place, sheet, ballot))

    def _cite(self, chain: str, number: int, hash_: str, place: str) -> None:
        self.citations.setdefault((_text(chain), number, _text(hash_)), place)

    def _led(self, act: Json, effects: list[Json]) -> None:
        """An act leads to the effect of its kind and to no other act's; the engine's own acts lead to none of them."""
        names, repeated = LEADS_TO.get(act["kind"], ([], []))
        own = [effect for effect in effects if effect["e"] in OWN and effect["e"] != ALONG_WITH.get(act["kind"])]
        if [effect["e"] for effect in own] != names:
            raise Bad("effect", f"{act['kind']} leads to {[e['e'] for e in own]}; expected {names}")
        for effect in own[:1]:
            name = effect["e"]
            differing = [m for m in repeated if effect.get(m) != act.get(m)]
            if name == "signed":
                differing += [m for m in ("person", "post", "unit") if effect[m] != act["by"][m]]
            elif name == "moved":
                differing += [m for m, of in (("from", "gone"), ("to", "successor")) if effect[m] != act[of]]
            elif (
                name in ("returned", "withdrawn", "override-asked", "overridden")
                and effect["person"] != act["by"]["person"]
            ):
                differing.append("person")
            if differing:
                raise Bad("effect", f"{name}: {', '.join(differing)} differ from the act's")

    def _statement(self, body: Json, case: Case, effects: list[Json], place: str) -> None:
        """Is what the person signed exactly what the entry says they did, over the content that was there?"""
        act, held, proof = body["act"], body["statement"], body["proof"]
        by, flow = act["by"], self.library[body["definition"]]
        done = next(effect for effect in effects if effect["e"] in SIGNED)
        slot: Json = {"key": "", "level": ""} if done["e"] in OF_NO_PLACE else case.slots[done["slot"]]
        if slot["key"] == "":
            if act.get("slot"):
                raise Bad("statement", f"about {act['slot']}; {done['e']} is about no place")
        elif slot["state"] != "open" or (slot["post"], slot["unit"]) != (by["post"], by["unit"]):
            raise Bad("statement", f"slot {done['slot']} is {slot['state']}, of {slot['post']}@{slot['unit']}")
        elif act.get("slot", done["slot"]) != done["slot"]:
            raise Bad("statement", f"slot {done['slot']} is signed; the act is about {act['slot']}")
        authority = f"authority {by['person']} {by['unit']} {by['post']} "
        rests: Json = next((value for fact, value in body["facts"].items() if fact.startswith(authority)), {})
        if "tenure" not in rests and slot.get("delegate") == by["person"]:  # let do it by whoever has the place
            giver = f"authority {slot['giver']} {by['unit']} {by['post']} "
            rests = next(value for fact, value in body["facts"].items() if fact.startswith(giver))
            rests = {"tenure": rests["tenure"], "as": "delegate", "principal": slot["giver"]}
        if "tenure" not in rests:  # a mandate, one of those the rules were told of
            rests = next((m for m in rests.get("mandates", ()) if m["mandate"] == held.get("mandate")), {})
            rests = {**rests, "as": "mandate"}
        signed = [s for s in case.slots.values() if s["state"] == "signed"]
        expected = {
            "v": 1, "origin": self.policy.origin or self.report.origin, "item": case.item, "round": case.round,
            "stage": case.stage, "stay": case.stays, "slot": slot["key"], "flow": flow["flow"],
            "version": flow["version"], "definition": body["definition"], "content": case.content(),
            "meaning": act["kind"], "liability": flow["liability"]["zh"], "person": by["person"], "post": by["post"],
            "unit": by["unit"], "level": slot["level"], "tenure": rests["tenure"], "as": rests["as"],
            "relies": [s["seq"] for s in signed], "nonce": held["nonce"], "at": held["at"],
        }  # fmt: skip
        expected |= {m: rests[m] for m in ("mandate", "principal") if m in rests}
        expected |= {m: act[m] for m in STATED if act.get(m)}
        expected |= {m: digest(act[m].encode()) for m in STATED_BY_DIGEST if act.get(m)}
        expected |= {m: act[m] for m in held.keys() - expected.keys() if act.get(m)}
        if held != expected or act["seen"] != expected["content"]:
            differing = [m for m in expected.keys() | held.keys() if expected.get(m) != held.get(m)]
            raise Bad("statement", f"{', '.join(sorted(differing)) or 'seen'} differ from what the entries say")
        if type(held["at"]) is not int or not _text(held["nonce"]) or held["nonce"] in self.nonces:
            raise Bad("nonce", f"{str(held['nonce'])[:40]!r}")
        self.nonces.add(held["nonce"])
        self._person(held, proof)

    def _person(self, held: Json, proof: Json) -> None:
        """How strongly is the statement bound to the person? S2: by a key of their own."""
        strength = proof["strength"]
        if (strength == WET) != ("paper" in held):
            raise Bad("strength", f"{strength}, and {'a' if 'paper' in held else 'no'} paper that was signed")
        if strength == WET:  # a strength of its own: what the registrar vouches for, with the scan
            if self.policy.strength > "S0" and not self.policy.wet:
                raise Bad("strength", f"in ink; the policy demands {self.policy.strength} and does not count ink")
            self.report.strengths[strength] += 1
            return
        if strength not in STRENGTHS or strength < self.policy.strength:
            raise Bad("strength", f"{strength}; the policy demands {self.policy.strength}")
        if strength in ("S2", "S3"):
            key, signature = bytes.fromhex(proof["key"]), bytes.fromhex(proof["signature"])
            pinned = self.policy.signers.get(held["person"])
            if pinned is not None and key not in pinned:
                raise Bad("signer", f"signed with another key than the policy has for {held['person']}")
            if not signed_by(key, signature, pae(STATEMENT, canonical(held))):
                raise Bad("signer", f"the signature of {held['person']} does not cover the statement")
            if pinned is None:
                self.unknown_signers += 1
                strength += "?"
        self.report.strengths[strength] += 1

    # --- the bundle as a whole

    def _whole(self) -> None:
        report = self.report
        report.chains = len(self.chains)
        for name, chain in self.chains.items():
            if not chain.hashes:
                report.fail("chain", name, "not a single entry of it is in the bundle")
            elif chain.head != (len(chain.hashes), chain.hashes[-1]):
                stated = f"entry {chain.head[0]}" if chain.head else "nothing"
                report.fail("head", name, f"the bundle says {stated}; the last entry is {len(chain.hashes)}")
        for (name, number, hash_), place in self.citations.items():
            held = self.chains[name].hashes if name in self.chains else []
            if not any(h.hex() == hash_ for h in (held[number - 1 : number] if number else held)):
                report.fail(
                    "cite", place, f"{name}#{number or '?'} is not here, or is another entry than the one cited"
                )
        for place, name, citation in self.opened:
            cites = self.chains[name].cites if name in self.chains else {}
            if {k: cites.get(k) for k in citation} != citation:
                report.fail("cite", place, f"{name}: the item it opened is not here, or cites another entry")
        for one, place in self.named.items():
            if one not in self.contents:
                report.fail("content", place, f"{one} is neither in the bundle nor listed as withheld")
        if withheld := sum(not self.contents.get(one) for one in self.boxes):
            report.skip("votes", withheld)
        if self.fixed:
            self._complete(self.fixed)
        report.contents = sum(self.contents.values())
        report.withheld = sum(one in self.named for one, here in self.contents.items() if not here)
        if not report.entries:
            report.fail("empty", "bundle", "no entry was found")

    def _complete(self, fixed: Json) -> None:
        """Does every chain go as far as the newest heads tree says?"""
        report = self.report
        try:
            if fixed["algorithm"] != self.policy.log_hash:
                raise Bad("algorithm", f"heads by {fixed['algorithm']}")
            report.complete_at, size, root = fixed["node"], fixed["chains"], fixed["root"].partition(":")[2]
        except MALFORMED as error:
            raise Bad("heads", f"the entry that fixes them is malformed: {_said(error)}") from None
        for name, chain in self.chains.items():
            given = self.head_proofs.get(name, {}).get("head")
            if given is None:
                self.unproven += name != LOG
                continue
            try:
                leaf = self.tree.leaf(canonical({"chain": name, "seq": given["seq"], "hash": given["hash"]}))
                path = [bytes.fromhex(part) for part in given["path"]]
                if self.tree.root_from(given["index"], size, leaf, path).hex() != root:
                    report.fail("heads", name, "the path leads to another root")
                elif given["seq"] > len(chain.hashes):
                    report.fail("cut", name, f"{given['seq']} entries in the log, {len(chain.hashes)} here")
                elif chain.hashes[given["seq"] - 1].hex() != given["hash"]:
                    report.fail("heads", name, f"entry {given['seq']} is another one than the log knows")
            except MALFORMED as error:
                report.fail("heads", name, _said(error))

    def _level(self) -> None:
        """How far was it really checked? Each level needs the one below; what is lacking is said."""
        report, policy = self.report, self.policy
        for code, count in (("withheld", report.withheld), ("signer-unknown", self.unknown_signers)):
            if count:
                report.skip(code, count)
        if report.what.get("kind") != "item":
            report.skip("selection")
        connected = self._anchored()
        if report.failed:
            return
        report.level = "V1"
        if not policy.engine_keys:
            report.skip("no-engine-keys" if policy.given else "no-policy")
            return
        report.level = "V2"
        if not connected:
            return
        if report.anchored < report.entries:
            report.skip("tail", report.entries - report.anchored)
            return
        report.level = "V3"
        if not self._witnessed():
            report.skip("no-quorum")
            return
        report.level = "V4"
        if not self.fixed or self.unproven:
            report.skip("no-heads", self.unproven)
            return
        report.level = "V5"

    def _anchored(self) -> bool:
        """Is the bundle's log the one whose checkpoint the verifier brought?"""
        report, own, log = self.report, self.own, self.log
        if log is None or own is None or not self.policy.checkpoint_keys:
            report.anchored = 0
            report.skip("no-log" if log is None else "no-checkpoint")
            return False
        if own.size > log.size:
            report.anchored = 0
            report.skip("older")
            return False
        if own.size == log.size:
            self.proofs.append((own.size, log.size, []))
        paths = [path for m, n, path in self.proofs if (m, n) == (own.size, log.size)]
        if not paths:
            report.anchored = 0
            report.skip("no-consistency")
            return False
        if own.origin != log.origin or not self.tree.consistent(own.size, log.size, own.root, log.root, paths[0]):
            report.fail("fork", f"size {own.size}", f"the bundle's log of size {log.size} does not continue it")
            return False
        return True

    def _witnessed(self) -> bool:
        """Did the quorum cosign the verifier's own checkpoint, or the bundle's, which continues it?"""
        policy = self.policy
        seen = [c.cosigners(policy.witnesses) for c in (self.own, self.log) if c is not None]
        return 0 < policy.quorum <= max(seen)


def compare(old: Verifier, new: Verifier) -> Report:
    """Whether nothing an earlier bundle held was lost or changed. Both have been read; the answer is the new one's."""
    report = new.report
    for code, place, detail in old.report.failures:
        report.fail(code, f"(old) {place}", detail)
    if old.report.origin != new.report.origin:
        report.fail("origin", "header", f"the earlier bundle is of {old.report.origin}")
    for name, chain in old.chains.items():
        held = new.chains[name].hashes if name in new.chains else []
        for number, hash_ in enumerate(chain.hashes, 1):
            if number > len(held):
                report.fail("lost", f"{name}#{number}", f"{len(chain.hashes)} entries before, {len(held)} now")
                break
            if held[number - 1] != hash_:
                report.fail("changed", f"{name}#{number}", "another entry stands there now")
    for one in old.library.keys() - new.library.keys():
        report.fail("lost", one, "a definition or calendar")
    for one, here in old.contents.items():
        if one not in new.contents:
            report.fail("lost", one, "a document")
        elif here and not new.contents[one]:
            report.skip("withdrawn", 1)
    if old.log is not None and new.log is not None:
        proofs = [path for m, n, path in new.proofs if (m, n) == (old.log.size, new.log.size)]
        if old.log.size == new.log.size:
            proofs = [[]]
        if old.log.size > new.log.size:
            report.fail("lost", "log", f"{old.log.size} entries before, {new.log.size} now")
        elif not proofs:
            report.skip("no-consistency")
        elif not new.tree.consistent(old.log.size, new.log.size, old.log.root, new.log.root, proofs[0]):
            report.fail("fork", "log", f"size {new.log.size} does not continue size {old.log.size}")
    if report.failed:
        report.level = "V0"
    return report


# --- telling -----------------------------------------------------------------------------------------------------------


def as_json(report: Report) -> str:
    result = {0: "holds", 1: "fails", 2: "unchecked"}[report.exit_code]
    plain = {
        "result": result, "level": report.level, "wanted": report.wanted, "rules": "not checked",
        "origin": report.origin, "what": report.what, "entries": report.entries, "chains": report.chains,
        "anchored": report.anchored, "unanchored_tail": report.entries - report.anchored,
        "contents": report.contents, "withheld": report.withheld, "strengths": dict(sorted(report.strengths.items())),
        "recounted": report.recounted,
        "failures": [{"code": c, "place": p, "detail": d} for c, p, d in report.failures], "failed": report.failed,
        "complete_at": report.complete_at,
        "not_checked": report.unchecked,
    }  # fmt: skip
    return json.dumps(plain, ensure_ascii=False, indent=1)


def as_text(report: Report, lang: str) -> str:
    """The report for people. What a bundle says of itself is shown without control characters."""
    at = 1 if lang == "zh" else 0
    title = {name: words[at] for name, words in TITLES.items()}
    result = title[("holds", "fails", "unchecked")[report.exit_code]]
    strengths = ", ".join(f"{name} {count}" for name, count in sorted(report.strengths.items())) or "0"
    lines = [
        f"{title['result']}: {result}; {title['level']} {report.level} ({title['wanted']} {report.wanted})",
        f"{report.origin} {' '.join(report.what.values())}",
        f"{title['entries']} {report.entries}, {title['chains']} {report.chains}, {title['contents']} {report.contents}",
        f"{title['signatures']}: {strengths}",
        f"{title['anchored']} {report.anchored}, {title['tail']} {report.entries - report.anchored}",
        title["rules"],
    ]
    lines += [f"  [{code}] {place}: {WORDS[code][at]} - {detail}" for code, place, detail in report.failures]
    if report.failed > len(report.failures):
        lines.append(f"  {title['more']}: {report.failed - len(report.failures)}")
    lines += [
        f"{title['not']}: {WORDS[code][at]}{f' ({count})' if count else ''}"
        for code, count in report.unchecked.items()
        if code != "rules"
    ]
    shown = ("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line) for line in lines)
    return "\n".join(shown)


def _read(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unusable(f"{path}: more than {limit} bytes")
    return data


def check(path: str, policy: Policy, own: Checkpoint | None) -> Verifier:
    verifier = Verifier(policy, own)
    with open(path, "rb") as file:
        verifier.run(file)
    return verifier


def main(arguments: Sequence[str] | None = None, program: str | None = None) -> int:
    """0 it holds, 1 it does not, 2 it could not be checked (as far as asked for)."""
    parser = argparse.ArgumentParser(prog=program, description="Verifies sign-off bundles.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="verify one bundle")
    verify.add_argument("bundle")
    diff = commands.add_parser("verify-diff", help="verify that a later bundle lost and changed nothing")
    diff.add_argument("old")
    diff.add_argument("bundle", metavar="new")
    for one in (verify, diff):
        one.add_argument("--policy", help="your policy, a JSON file; without it V1 at most")
        one.add_argument("--checkpoint", help="a checkpoint that you brought yourself, not from the bundle")
        one.add_argument(
            "--require", default="V1", choices=LEVELS[1:], help="the level without which the exit code is 2"
        )
        one.add_argument("--json", action="store_true")
        one.add_argument("--lang", default="en", choices=("en", "zh"))
    given = parser.parse_args(arguments)
    try:
        policy = Policy.read(_read(given.policy, POLICY_LIMIT)) if given.policy else Policy()
        own = None
        if given.checkpoint:
            own = Checkpoint.read(_read(given.checkpoint, NOTE_LIMIT).decode())
            if not policy.checkpoint_keys or own.origin != policy.log or not own.by(policy.checkpoint_keys):
                raise Unusable(f"{given.checkpoint}: not a checkpoint of the policy's origin, signed by a key of it")
        verifier = check(given.bundle, policy, own)
        if given.command == "verify-diff":
            compare(check(given.old, policy, None), verifier)
    except (OSError, ValueError, Unusable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = verifier.report
    report.wanted = given.require
    text = as_json(report) if given.json else as_text(report, given.lang)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
