#!/usr/bin/env python3
"""A verifier for sign-off bundles (``.wfproof``) in one file, to be read before it is believed, and run without the package.

    python standalone.py verify BUNDLE --policy POLICY.json [--checkpoint FILE] [--require V3] [--json] [--lang zh]
    python standalone.py verify-diff OLD NEW [--policy POLICY.json] [--json] [--lang zh]

It needs Python 3.11 or newer and ``cryptography``, reads, and writes nothing. Nothing inside a bundle is trusted: which
log, keys, witnesses and algorithms count is in the policy, a JSON object of your own whose members may all be absent::

    {"origin": "example.org/log", "log": "...",        the name in statements; that of checkpoints where it differs
     "engine_keys": [{"key": HEX, "before": N}],       seal entries; "before": only those at log indexes below N
     "checkpoint_keys": ["NAME+HASH+BASE64"],          sign the log's checkpoints (keys in signed-note form)
     "witnesses": ["NAME+HASH+BASE64"], "quorum": 2,   cosign them, and how many of them must have
     "signers": {PERSON: [HEX]},                       keys of persons
     "authorities": [PEM], "timestamps": [PEM],        certify such keys, and when they signed (PEM, or DER in hex)
     "names": {PERSON: NAME},                          what certificates call a person, where that is not the id
     "strength": "S1", "wet": true,                    the weakest signature that counts; whether ink does beside it
     "digests": ["sha256"], "log_hash": "sha256"}      algorithms; sm3 is the other one

What each level means (it is computed, and never higher than what was checked):

V0 nothing was checked, or something does not hold; V1 bodies are canonical, chains unbroken from their first entry,
statements fit the acts that carry them and the contents under them, definitions and contents match their digests;
V2 all of it is sealed by keys of the policy that were good at the time; V3 every entry lies in the log that the
checkpoint you brought yourself fixes; V4 a quorum of your witnesses cosigned that; V5 a heads tree in the log proves
that no chain was cut short, and no revocation of a key left out. Whether the rules of the definition allow this history
is not checked here; the package's own verifier replays them.

A bundle is a file of lines, each a JSON object: one ``header``; then ``key`` (claimed only), ``library`` (definitions
and calendars), ``checkpoint``, ``consistency``, ``entry``, ``head``, ``heads``, ``content`` and ``withheld`` in any
number; one ``end`` with the digest of all bytes before it. Bytes are in base64, hashes in hex.

The file has three parts, between double lines. The first is what V1 to V5 rest on: bytes, chains, seals, keys, log; its
625 lines of code take an afternoon. The second, 330, holds what an entry says against itself and its chain: act, effects,
signed statement, papers. The third, 245, compares two bundles and tells: report, words in two languages, command line.
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
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NoReturn, TextIO

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

# =======================================================================================================================
# I. Bytes, chains, seals, keys, log
# =======================================================================================================================

FORMAT = "wfproof/1"
FILE_LIMIT = 1 << 32
LINE_LIMIT = 64 << 20  # the largest content, in base64, fits
BODY_LIMIT = 4 << 20
NOTE_LIMIT = 1 << 16
POLICY_LIMIT = 16 << 20  # it may pin the keys of many persons
DEPTH_LIMIT = 64
FAILURES_KEPT, TOLD = 1_000, 500  # failures that are told, and characters of what is told of one
TOGETHER = 500  # signatures that are handed to another process at a time; a bundle with fewer needs none
LEVELS = ("V0", "V1", "V2", "V3", "V4", "V5")
STRENGTHS = ("S0", "S1", "S2", "S3")
ED25519 = "ed25519"
STAMPED_WITHIN = 60_000_000  # microseconds between a timestamp authority's clock and the engine's
WET = "WET"  # signed in ink on paper and registered with a scan

SEAL = "application/vnd.signoff.seal+v1"
STATEMENT = "application/vnd.signoff.statement+v1"
KEY_EVENT = "application/vnd.signoff.key-event+v1"
ENTRY = b"signoff/entry/v1"
SIGNS, COSIGNS = 1, 4  # kinds of signed-note keys
# Chains that are no item's: the organisation's imports, what the log says of itself, which version of a flow came when,
# and what became of keys.
ORG, LOG, FLOWS, KEYS = "org", "log", "flows", "keys"

Json = dict[str, Any]
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


class Bad(Exception):
    """Something does not hold. ``code`` is a key of ``WORDS``."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail

    def told(self, lang: str = "en") -> str:
        return f"{WORDS[self.code][lang == 'zh']}: {self.detail}"


def need(holds: object, code: str, told: str, *given: object) -> None:
    """What must hold, and what is said if it does not."""
    if not holds:
        raise Bad(code, told.format(*given))


class Unusable(Bad):
    """The verifier's own input (policy, checkpoint, files) cannot be used: exit 2."""


# --- bytes: canonical JSON, digests, signatures ------------------------------------------------------------------------


def _refused(text: str) -> NoReturn:
    raise Bad("body", f"the number {text[:20]}")


def _small(text: str) -> int:
    value = int(text[:20])  # twenty digits are too many already
    return value if -(1 << 53) < value < 1 << 53 else _refused(text)


_decode = json.JSONDecoder(parse_int=_small, parse_float=_refused, parse_constant=_refused).decode
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode
_BEYOND_ASCII = re.compile(r'[^\x00-\x7f][^"]*+"(:?)')  # to the end of a text; a colon behind it says that it is a key


def once(pairs: list[tuple[str, Any]]) -> Json:
    """An object with each member once: of two, one program would read the first and another the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member twice")
    return made


_line = json.JSONDecoder(object_pairs_hook=once).decode


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value that is in the profile."""
    return _encode(value).encode()


def parse(data: bytes, limit: int) -> Any:
    """The value of canonical bytes.

    Raises:
        Bad: they are too large or too deep, no JSON, outside the profile, or not spelled canonically.
    """
    need(len(data) <= limit, "size", "{} bytes; at most {} are read", len(data), limit)
    try:
        text = data.decode()
        value = _decode(text)
        need(_encode(value) == text, "body", "JSON, but not in its canonical spelling")
        words = text.isascii() or (
            '\\"' not in text and unicodedata.is_normalized("NFC", text) and ":" not in _BEYOND_ASCII.findall(text)
        )
        if (
            not words or text.count("{") + text.count("[") > DEPTH_LIMIT
        ):  # value by value where the text settles nothing
            _within(value, DEPTH_LIMIT)
    except RecursionError:
        raise Bad("size", f"more than {DEPTH_LIMIT} levels of nesting") from None
    except ValueError as error:
        raise Bad("body", f"no JSON: {type(error).__name__}") from None
    return value


def _within(value: Any, deeper: int) -> None:
    """Every key ASCII, every text NFC, at most so many levels."""
    if isinstance(value, str):
        need(unicodedata.is_normalized("NFC", value), "body", "a text that is not in NFC")
    elif isinstance(value, (dict, list)):
        need(deeper, "size", "more than {} levels of nesting", DEPTH_LIMIT)
        if isinstance(value, dict):
            need(all(key.isascii() for key in value), "body", "a key that is not ASCII")
            value = value.values()
        for child in value:
            _within(child, deeper - 1)


def unbase64(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hasher(algorithm: str) -> Callable[[bytes], bytes]:
    return sha256 if algorithm == "sha256" else lambda data: hashlib.new(algorithm, data).digest()


def digest(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hasher(algorithm)(data).hex()}"


def entry_hash(body: bytes, seal: bytes) -> bytes:
    """What the next entry of a chain cites: each part behind its length, so that no two can be read as others."""
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in (ENTRY, body, seal)))


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is really signed."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


# The points of small order, by their y modulo P. Under such a key anybody writes signatures that fit any text.
P, EIGHTH = 2**255 - 19, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
WEAK = {0, 1, P - 1, EIGHTH, P - EIGHTH}


def weak(key: bytes) -> bool:
    return int.from_bytes(key, "little") % 2**255 % P in WEAK


def signed_by(key: bytes, signature: bytes, data: bytes) -> bool:
    if weak(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def all_signed(checks: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    return [signed_by(*check) for check in checks]


def said(error: Exception) -> str:
    return str(error)[:80] or type(error).__name__


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text; got {type(value).__name__}")
    return value


# --- Merkle trees (RFC 6962) -------------------------------------------------------------------------------------------


class Tree:
    """Proofs in trees of one hash algorithm. Leaves are hashed behind 0x00, nodes behind 0x01."""

    def __init__(self, algorithm: str = "sha256") -> None:
        self.hash = hasher(algorithm)

    def leaf(self, data: bytes) -> bytes:
        return self.hash(b"\x00" + data)

    def node(self, left: bytes, right: bytes) -> bytes:
        return self.hash(b"\x01" + left + right)

    def root_from(self, index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
        """The root that a leaf's path leads to; ValueError if no tree of that size has such a path there."""
        if not 0 <= index < size:
            raise ValueError(f"index {index} of {size}")
        last, made, used = size - 1, leaf, 0
        while last:
            if index & 1 or index < last:  # the last node of an odd level goes up as it is
                part = path[used] if used < len(path) else b""
                made, used = self.node(part, made) if index & 1 else self.node(made, part), used + 1
            index, last = index >> 1, last >> 1
        if used != len(path):
            raise ValueError(f"a path of {len(path)}; expected {used}")
        return made

    def consistent(self, m: int, n: int, old: bytes, new: bytes, path: Sequence[bytes]) -> bool:
        """Whether the tree of n leaves begins with that of m leaves (0 < m <= n). Source: RFC 6962, 2.1.2."""
        rest = list(path)

        def roots(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
            """Of the first m, and of all n leaves of a subtree; ``whole``: it begins where the tree does."""
            if m == n:
                known = old if whole else rest.pop()
                return known, known
            split, part = 1 << (n - 1).bit_length() - 1, rest.pop()
            if m <= split:
                first, second = roots(m, split, whole)
                return first, self.node(second, part)
            first, second = roots(m - split, n - split, False)
            return self.node(part, first), self.node(part, second)

        try:
            return 0 < m <= n and roots(m, n, True) == (old, new) and not rest
        except IndexError:  # the path is too short
            return False


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
    authorities: tuple[bytes, ...] = ()  # certificates, DER
    timestamps: tuple[bytes, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    strength: str = "S0"
    digests: tuple[str, ...] = ("sha256",)
    log_hash: str = "sha256"
    wet: bool = False
    given: bool = False

    @classmethod
    def read(cls, data: bytes) -> Policy:
        """Raises ``Unusable`` for anything unknown: a misspelt member must not weaken a check unseen."""
        try:
            plain = json.loads(data, object_pairs_hook=once)
            if unknown := plain.keys() - _READ.keys() - {"v"}:
                raise Unusable("policy-members", ", ".join(sorted(unknown)))
            made = cls(given=True, **{name: read(plain[name]) for name, read in _READ.items() if name in plain})
            made.log = made.log or made.origin
            if type(made.quorum) is not int or not 0 <= made.quorum <= len({k for _, k in made.witnesses}):
                raise Unusable("policy-quorum", str(made.quorum))
            if made.strength not in STRENGTHS or not {*made.digests, made.log_hash} <= {"sha256", "sm3"}:
                raise Unusable("policy-words", f"{made.strength}, {', '.join(made.digests)}, {made.log_hash}")
            lacking = made.strength == "S3" and not made.authorities
            if bool(made.authorities) != bool(made.timestamps) or lacking:
                raise Unusable("policy-authorities", f"{len(made.authorities)}, {len(made.timestamps)}")
            if made.engine_keys and not made.origin:
                raise Unusable("policy-origin", "origin")
        except MALFORMED as error:
            raise Unusable("policy", said(error)) from None
        return made


def _sound(key: bytes) -> bytes:
    Ed25519PublicKey.from_public_bytes(key)
    if weak(key):
        raise ValueError(f"the key {key.hex()} is of small order: anybody signs with it")
    return key


def _key(text: str) -> bytes:
    return _sound(bytes.fromhex(text))


def key_id(key: bytes) -> bytes:
    return sha256(key)[:8]


def key_in(text: str) -> bytes:
    """A key as entries write it. In other letters it would be another one to whoever compares texts."""
    key = bytes.fromhex(text)
    if key.hex() != text:
        raise ValueError("a key that is not in lowercase hex")
    return key


def _engine_key(one: Json) -> tuple[bytes, int | None]:
    if one.keys() - {"key", "before"} or type(one.get("before", 0)) is not int:
        raise ValueError(f"an engine key with {sorted(one)}")
    return _key(one["key"]), one.get("before")


def _note_id(name: str, kind: int, key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + key)[:4]


def _note_key(text: str, kind: int) -> tuple[str, bytes]:
    """Name and key of a signed-note key. Kind 1 signs notes, kind 4 cosigns checkpoints."""
    name, label, data = text.split("+", 2)
    key = unbase64(data)
    if key[:1] != bytes([kind]) or len(key) != 33 or label != _note_id(name, kind, key[1:]).hex():
        raise ValueError(f"{text[:60]!r} is no key of kind {kind}")
    return name, _sound(key[1:])


def _certificate(text: str) -> bytes:
    """The DER of a certificate written as PEM, or as DER in hex."""
    from cryptography import x509  # here and below where it is needed: loading it takes as long as everything else

    if text.count("-----BEGIN") > 1:
        raise ValueError("several PEM blocks, of which only one would be read; give each by itself")
    data = text.encode() if "-----BEGIN" in text else bytes.fromhex(text)
    load = x509.load_pem_x509_certificate if "-----BEGIN" in text else x509.load_der_x509_certificate
    try:
        return load(data).public_bytes(Encoding.DER)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from None


def fit(one: Any, *, issuing: bool = False) -> bool:
    """Whether a certificate is for this: its key not for other things, and no demand in it that is unknown here."""
    from cryptography import x509

    for extension in one.extensions:
        held = extension.value
        if isinstance(held, x509.KeyUsage):
            if not (held.key_cert_sign if issuing else held.digital_signature or held.content_commitment):
                return False
        elif extension.critical and not isinstance(held, x509.BasicConstraints):
            return False
    return True


def _authority(text: str) -> bytes:
    from cryptography import x509

    der = _certificate(text)
    one = x509.load_der_x509_certificate(der)
    try:
        issues = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca and fit(one, issuing=True)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        issues = False
    if not issues:
        raise Unusable("policy-issuer", one.subject.rfc4514_string()[:80])
    return der


_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("origin", "log", "strength", "log_hash"), text_of),
    "engine_keys": lambda given: {key_id(key): (key, before) for key, before in map(_engine_key, given)},
    "checkpoint_keys": lambda given: [_note_key(one, SIGNS) for one in given],
    "witnesses": lambda given: [_note_key(one, COSIGNS) for one in given],
    "quorum": lambda given: given,
    "signers": lambda given: {person: {_key(key) for key in keys} for person, keys in given.items()},
    "authorities": lambda given: tuple(map(_authority, given)),
    "timestamps": lambda given: tuple(map(_certificate, given)),
    "names": lambda given: {person: text_of(name) for person, name in given.items()},
    "digests": tuple,
    "wet": lambda given: given is True,
}


# The text that is signed (origin, size, root, maybe more), an empty line, the lines of those who signed it.
_NOTE = re.compile(
    r"(?P<signed>(?P<origin>.+)\n(?P<size>0|[1-9][0-9]{0,17})\n(?P<root>.+)\n(?:.+\n)*)\n"
    r"(?P<marks>(?:\u2014 [^ \n]+ [^ \n]+\n)+)"
)


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
        """Raises ValueError: it is none."""
        parts = _NOTE.fullmatch(note) if len(note) <= NOTE_LIMIT else None
        if not parts or len(root := unbase64(parts["root"])) != 32:
            raise ValueError("not a checkpoint, or one beyond the limit")
        marks = (line.split(" ") for line in parts["marks"].splitlines())
        signatures = [(name, unbase64(mark)) for _, name, mark in marks]
        return cls(parts["origin"], int(parts["size"]), root, parts["signed"].encode(), signatures)

    def by(self, keys: Collection[tuple[str, bytes]], kind: int = SIGNS) -> set[bytes]:
        """Those of the keys that signed it (signed note, Ed25519), or cosigned it (C2SP cosignature/v1)."""
        found = set()
        for named, data in self.signatures:
            for key in (k for name, k in keys if name == named and data[:4] == _note_id(name, kind, k)):
                mark, text = data[4:], self.signed
                if kind == COSIGNS:
                    mark, text = data[12:], b"cosignature/v1\ntime %d\n" % int.from_bytes(data[4:12], "big") + text
                if signed_by(key, mark, text):
                    found.add(key)
        return found


# --- the bundle -------------------------------------------------------------------------------------------------------


@dataclass
class Chain:
    """What is kept of a chain while its entries pass by."""

    hashes: list[bytes] = field(default_factory=list)
    case: Case | None = None
    cites: Json = field(default_factory=dict)
    head: tuple[int, bytes] | None = None
    highest: int = -1  # log index of the last entry
    tail: bool = False


# Kinds of lines, in the order in which they stand together, with their members; an entry may have a place in the log.
_MEMBERS = {
    "header": "format origin made_at what chains", "key": "role id public", "library": "kind digest body",
    "checkpoint": "note", "consistency": "from to path", "entry": "chain seq body seal", "head": "chain seq hash",
    "heads": "chain proof", "content": "digest body", "withheld": "digest", "end": "lines digest",
}  # fmt: skip
MEMBERS = {kind: {"t", *members.split()} for kind, members in _MEMBERS.items()}
ALLOWED = MEMBERS | {"entry": MEMBERS["entry"] | {"index", "path"}}
ORDER = {kind: place for place, kind in enumerate(MEMBERS)}


def lines_of(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    """The lines of a bundle, each of a known kind with its members, in their order; the last one is ``end``.

    Raises:
        Bad: anything else.
    """
    running, number, place, read = hashlib.sha256(), 0, -1, 0
    while data := file.readline(LINE_LIMIT + 1):
        number, read = number + 1, read + len(data)
        need(len(data) <= LINE_LIMIT and read <= FILE_LIMIT, "size", "line {}", number)
        need(data.endswith(b"\n"), "end", "line {} is cut", number)
        try:
            plain = _line(data.decode())
        except (ValueError, RecursionError) as error:
            raise Bad("format", f"line {number}: no JSON ({type(error).__name__})") from None
        kind = str(plain.get("t")) if isinstance(plain, dict) else ""
        need(kind in MEMBERS, "format", "line {} is of no known kind", number)
        members, end = plain.keys(), ORDER["end"]
        whole = MEMBERS[kind] <= members <= ALLOWED[kind]
        need(whole, "format", "line {}: other members than {}", number, MEMBERS[kind])
        fits = ORDER[kind] >= place != end and (kind == "header") == (number == 1)
        need(fits, "format", "line {}: a {} is out of place", number, kind)
        if kind == "end":
            same = (plain["lines"], plain["digest"]) == (number, "sha256:" + running.hexdigest())
            need(same, "end", "line {}: other bytes stand before it than when it was made", number)
        place = ORDER[kind]
        running.update(data)
        yield number, plain
    need(place == ORDER["end"], "end" if number else "empty", "no end after line {}", number)


class Signatures:
    """Signatures to check, in another process where there are many, and what to say of those that do not hold."""

    def __init__(self, fail: Callable[[str, str, str], None]) -> None:
        self.fail = fail
        self.told: dict[tuple[bytes, bytes, bytes], list[tuple[str, str, str]]] = {}  # by check, in order
        self.waiting: list[tuple[bytes, bytes, bytes]] = []
        self.pool: ProcessPoolExecutor | None = None
        self.asked: list[Future[list[bool]]] = []

    def add(self, key: bytes, signature: bytes, data: bytes, failure: tuple[str, str, str]) -> None:
        """What is signed together costs one check. Failure: its code, place and detail."""
        told = self.told.setdefault((key, signature, sha256(data)), [])
        if not told:
            self.waiting.append((key, signature, data))
        told.append(failure)
        if len(self.waiting) == TOGETHER:
            self.pool = self.pool or ProcessPoolExecutor(1)
            self.asked.append(self.pool.submit(all_signed, self.waiting))
            self.waiting = []

    def settle(self) -> None:
        held = [good for asked in self.asked for good in asked.result()] + all_signed(self.waiting)
        if self.pool:
            self.pool.shutdown()
        for good, told in zip(held, self.told.values(), strict=True):
            for failure in () if good else told:
                self.fail(*failure)


class Verifier:
    """Checks one bundle, line by line; of what has passed it keeps hashes only."""

    def __init__(self, policy: Policy, own: Checkpoint | None = None) -> None:
        self.policy, self.own = policy, own
        self.report = Report()
        self.signatures = Signatures(self.report.fail)
        self.tree = Tree(policy.log_hash)
        self.chains: dict[str, Chain] = {}
        self.published: dict[str, Json] = {}  # definitions and calendars by digest
        self.contents: dict[str, bool] = {}  # digest -> whether the document is here
        self.named: dict[str, str] = {}  # digest of a document -> where it is first named
        self.citations: dict[tuple[str, int, str], str] = {}  # chain, number (0: any), hash -> where first relied on
        self.opened: list[tuple[str, str, Json]] = []  # place, the item opened, the citation it must carry
        self.boxes: dict[str, list[tuple[str, Json, Json]]] = {}  # papers of a vote -> place, sheet, how it counts
        self.nonces: set[str] = set()
        self.keys: dict[tuple[str, str], Json] = {}  # use and id -> whose a key is, and what became of it
        self.used: list[tuple[str, str, str, str, int, int | None, str]] = []
        """Use, id, algorithm, whose, moment, log index, place."""
        self.log: Checkpoint | None = None
        self.proofs: dict[tuple[int, int], list[bytes]] = {}  # of consistency, by the two sizes
        self.fixed: Json = {}  # the newest act that fixed a heads tree
        self.head_proofs: dict[str, Json] = {}
        self.unproven = 0  # chains whose heads are not proven

    def run(self, file: BinaryIO) -> Report:
        """Read a bundle to its end and collect whatever does not hold."""
        self._try("format", "bundle", self._lines, file)
        self.signatures.settle()
        self._whole()
        if self.fixed:
            self._try("heads", "bundle", self._complete, self.fixed)
        self._level()
        return self.report

    def _try(self, code: str, place: str, look: Callable[..., None], *given: Any) -> None:
        """Look, and collect what does not hold; the other checks go on."""
        try:
            look(*given)
        except Bad as bad:
            self.report.fail(bad.code, place, bad.detail)
        except MALFORMED as error:
            self.report.fail(code, place, f"absent or of another form: {type(error).__name__} {said(error)}")

    # --- one line of each kind

    def _lines(self, file: BinaryIO) -> None:
        looks = {
            "header": self._header, "library": self._library, "checkpoint": self._checkpoint, "entry": self._entry,
            "consistency": self._consistency, "head": self._head, "heads": self._heads, "content": self._content,
            "withheld": self._withheld,
        }  # fmt: skip
        for number, line in lines_of(file):
            if line["t"] in looks:  # claimed keys tell whom to ask, and the end was looked at when it was read
                self._try("format", f"line {number}", looks[line["t"]], line)

    def _header(self, line: Json) -> None:
        report, origin = self.report, text_of(line["origin"])
        need(line["format"] == FORMAT and type(line["made_at"]) is int, "format", "expected {}", FORMAT)
        report.origin, report.what = origin, {k: text_of(v) for k, v in line["what"].items()}
        self.chains = {text_of(name): Chain() for name in line["chains"]}
        need(self.policy.origin in ("", origin), "origin", "expected {}; got {}", self.policy.origin, origin)

    def allowed(self, text: str) -> None:
        algorithm, _, _ = text.partition(":")
        need(algorithm in self.policy.digests, "algorithm", "{:.20}; allowed: {}", algorithm, self.policy.digests)

    def _fits(self, line: Json, code: str) -> bytes:
        """The bytes of a line, if they are what its digest says."""
        self.allowed(line["digest"])
        data = unbase64(line["body"])
        same = digest(data, line["digest"].partition(":")[0]) == line["digest"]
        need(same, code, "{}: the bytes have another digest", line["digest"])
        return data

    def _library(self, line: Json) -> None:
        self.published[line["digest"]] = parse(self._fits(line, "library"), LINE_LIMIT)

    def _content(self, line: Json) -> None:
        data = self._fits(line, "content")
        self.contents[line["digest"]] = True
        for place, sheet, ballot in self.boxes.get(line["digest"], ()):
            self._try("tally", place, recount, parse(data, LINE_LIMIT), sheet, ballot)
            self.report.recounted += 1

    def _withheld(self, line: Json) -> None:
        self.contents.setdefault(text_of(line["digest"]), False)

    def _checkpoint(self, line: Json) -> None:
        need(self.log is None, "format", "a second checkpoint")
        self.log = log = Checkpoint.read(line["note"])
        expected = self.policy.log or log.origin
        need(log.origin == expected, "checkpoint", "of {}; the policy pins {}", log.origin, expected)
        good = not self.policy.checkpoint_keys or log.by(self.policy.checkpoint_keys)
        need(good, "checkpoint", "size {}: not signed by a key of the policy", log.size)

    def _consistency(self, line: Json) -> None:
        self.proofs[line["from"], line["to"]] = hashes_of(unbase64(line["path"]))

    def _head(self, line: Json) -> None:
        name, chain = line["chain"], self.chains.get(line["chain"], Chain(head=(0, b"")))
        need(chain.head is None, "head", "{}: a head without its chain, or a second one", name)
        chain.head = (line["seq"], bytes.fromhex(line["hash"]))

    def _heads(self, line: Json) -> None:
        self.head_proofs[line["chain"]] = line["proof"]

    def _entry(self, line: Json) -> None:
        self.report.entries += 1
        name = text_of(line["chain"])
        place = f"{name}#{line['seq']}"
        chain = self.chains.setdefault(name, Chain())
        body, seal = unbase64(line["body"]), unbase64(line["seal"])
        made = entry_hash(body, seal)
        self._try("inclusion", place, self._logged, line, chain, made)  # each of them, whatever the others find
        self._try("seal", place, self._sealed, line, body, seal, place)
        self._try("body", place, self._stands, line, chain, body, seal, made, place)
        chain.hashes.append(made)

    # --- one entry

    def _logged(self, line: Json, chain: Chain, made: bytes) -> None:
        """Is the entry at its place in the bundle's log, after those before it, and in the log the verifier fixed?"""
        if "index" not in line:
            chain.tail = True
            return
        index, log = line["index"], self.log
        if log is None or type(index) is not int:
            raise Bad("inclusion", "a place in the log, but no checkpoint")
        root = self.tree.root_from(index, log.size, self.tree.leaf(made), hashes_of(unbase64(line["path"])))
        need(root == log.root, "inclusion", "index {} of {}: the path leads to another root", index, log.size)
        behind = not chain.tail and index > chain.highest
        need(behind, "inclusion", "index {}: the log has it before an earlier entry of its chain", index)
        chain.highest = index
        if self.own is not None and index < self.own.size:
            self.report.anchored += 1

    def _sealed(self, line: Json, body: bytes, seal: bytes, place: str) -> None:
        """Is the seal by a key of the policy, at a place of the log where that key counts, and over this body?"""
        need(len(seal) >= 80, "seal", "too short")
        id_, signature, index, size = struct.unpack_from(">8s64sII", seal)
        root = SEALS.root_from(index, size, SEALS.leaf(body), hashes_of(seal[80:]))
        if not self.policy.engine_keys:
            return
        key, before = self.policy.engine_keys.get(id_, (b"", None))
        need(key, "seal", "the policy has no key {}", id_.hex())
        if before is not None:
            there = "index" in line and line["index"] < before
            need(there, "key-position", "key {} counts only below index {} of the log", id_.hex(), before)
        failure = ("seal", place, f"the signature of key {id_.hex()} does not cover this entry")
        self.signatures.add(key, signature, pae(SEAL, root + size.to_bytes(4, "big")), failure)

    def _stands(self, line: Json, chain: Chain, body: bytes, seal: bytes, made: bytes, place: str) -> None:
        """Does the entry stand where it says, behind the entry it says, and does it mean what it says?"""
        plain = parse(body, BODY_LIMIT)
        types = [type(plain[member]) for member in ("v", "chain", "seq", "prev", "at", "act")]
        known = types == [int, str, int, str, int, dict] and plain["v"] == 1
        need(known, "body", "a version or a type of a member that this verifier does not know")
        previous = chain.hashes[-1].hex() if chain.hashes else ""
        behind = (line["chain"], len(chain.hashes) + 1, previous)
        same = (plain["chain"], plain["seq"], plain["prev"]) == behind and plain["seq"] == line["seq"]
        need(same, "chain", "not the entry {1} of {0}, behind {2:.16}", *behind)
        self.used.append(("engine", seal[:8].hex(), ED25519, "", plain["at"], line.get("index"), place))
        for one in named_by(plain["act"]):
            self.allowed(one)
            self.named.setdefault(one, place)
        for citation in cited_by(plain):
            self.citations.setdefault(citation, place)
        if plain["chain"] == KEYS:
            self._key_event(plain, line.get("index"))
        else:
            means(self, plain, chain, made, place)

    # --- what the chain of keys says: it narrows what the policy trusts, and never adds to it

    def _key_event(self, body: Json, index: int | None) -> None:
        """A key is registered, handed over (signed by old and new), or revoked with the moment since when."""
        act, at, kind = body["act"], body["at"], body["act"]["kind"]
        use, public = text_of(act["use"]), key_in(act["key"])
        covered = pae(KEY_EVENT, canonical({k: v for k, v in act.items() if k not in ("proof", "old", "new")}))

        def signs(name: str, key: bytes, algorithm: str) -> None:
            good = algorithm != ED25519 or signed_by(key, bytes.fromhex(act[name]), covered)
            need(good, "keys", "{} without its signature {}", kind, name)

        held = self.keys.get((use, key_id(public).hex()))
        need((held is None) == (kind == "register-key"), "keys", "{}: registered twice, or never", kind)
        if held is None:
            if "proof" in act:
                signs("proof", public, act["algorithm"])
            begun = {"of": act["of"], "algorithm": act["algorithm"], "from": 0 if act.get("found") else at}
            self.keys[use, key_id(public).hex()] = begun
        elif kind == "rotate-key":
            to = key_in(act["to"])
            signs("old", public, held["algorithm"])
            signs("new", to, act["algorithm"])
            new = (use, key_id(to).hex())
            good = not fault_of(held, at, index) and "until" not in held and new not in self.keys and act["until"] >= at
            need(good, "keys", "{}: the old key is not good any more, or the new one known", kind)
            held["until"] = act["until"]
            self.keys[new] = {"of": held["of"], "algorithm": act["algorithm"], "from": at}
        else:
            need(kind == "revoke-key" and act["since"] <= at, "keys", "{}: no event, or from a moment to come", kind)
            held |= {"since": min(held.get("since", at), act["since"]), "revoked": held.get("revoked", index)}

    def _good(self, use: str, id_: str, by: str, of: str, at: int, index: int | None, place: str) -> None:
        """The key was one that an event brought to its owner, and good then; nothing is said where there are no events."""
        held = self.keys.get((use, id_))
        if held is None or of not in ("", held["of"]):
            known = any(u == use and of in ("", one["of"]) for (u, _), one in self.keys.items())
            need(not known, "key-not-good", "no event brought key {}", id_)
        elif held["algorithm"] != by:
            raise Bad("key-not-good", f"key {id_} is for {held['algorithm']}, not for {by}")
        elif fault := fault_of(held, at, index):
            raise Bad("key-not-good", f"key {id_}: {fault}")

    # --- the bundle as a whole

    def _whole(self) -> None:
        report = self.report
        for name, chain in self.chains.items():
            if not chain.hashes:
                report.fail("chain", name, "not a single entry of it is in the bundle")
            elif chain.head != (len(chain.hashes), chain.hashes[-1]):
                report.fail("head", name, f"the bundle ends it elsewhere; its last entry is {len(chain.hashes)}")
        for citation, place in self.citations.items():
            self._try("cite", place, self._cited, *citation)
        for place, name, opening in self.opened:
            self._try("cite", place, self._opened, name, opening)
        for used in self.used:
            self._try("key-not-good", used[-1], self._good, *used)
        for one in self.named.keys() - self.contents.keys():
            report.fail("content", self.named[one], f"{one} is neither in the bundle nor listed as withheld")
        report.chains, report.contents = len(self.chains), sum(self.contents.values())
        report.withheld = sum(one in self.named for one, here in self.contents.items() if not here)
        if report.withheld:
            report.skip("withheld", report.withheld)
        if votes := sum(not self.contents.get(one) for one in self.boxes):
            report.skip("votes", votes)
        if not report.entries:
            report.fail("empty", "bundle", "no entry was found")

    def _cited(self, name: str, number: int, hash_: str) -> None:
        here = self.chains.get(name, Chain()).hashes
        same = any(h.hex() == hash_ for h in (here[number - 1 : number] if number else here))
        need(same, "cite", "{}#{} is not here, or is another entry than the one cited", name, number or "?")

    def _opened(self, name: str, opening: Json) -> None:
        cites = self.chains.get(name, Chain()).cites
        need(opening.items() <= cites.items(), "cite", "{}: the item is not here, or cites another entry", name)

    def _complete(self, fixed: Json) -> None:
        """Does every chain go as far as the newest heads tree says, and was no chain of key events left out?"""
        need(fixed["algorithm"] == self.policy.log_hash, "algorithm", "heads by {}", fixed["algorithm"])
        self.report.complete_at, size, root = fixed["node"], fixed["chains"], fixed["root"].partition(":")[2]
        for name, chain in ({KEYS: Chain()} | self.chains).items():
            if name in self.head_proofs:
                self._try("heads", name, self._reaches, name, chain, self.head_proofs[name], size, root)
            else:
                self.unproven += name != LOG

    def _reaches(self, name: str, chain: Chain, proof: Json, size: int, root: str) -> None:
        """The chain has the entry that the tree knows as its last; or the tree shows that it does not know the chain."""

        def place(given: Json) -> int:
            leaf = self.tree.leaf(canonical({m: given[m] for m in ("chain", "seq", "hash")}))
            path = [bytes.fromhex(part) for part in given["path"]]
            leads = self.tree.root_from(given["index"], size, leaf, path).hex() == root
            need(leads, "heads", "the path of {} leads to another root", given["chain"])
            return int(given["index"])

        if "head" in proof:
            given, hashes = proof["head"], chain.hashes
            need(place(given) >= 0 and given["chain"] == name, "heads", "the proof is for {}", given["chain"])
            need(given["seq"] <= len(hashes), "cut", "{} entries in the log, {} here", given["seq"], len(hashes))
            same = hashes[given["seq"] - 1].hex() == given["hash"]
            need(same, "heads", "entry {} is another one than the log knows", given["seq"])
        else:  # it would stand between two neighbours
            before, after = proof["before"], proof["after"]
            beside = (place(after) if after else size) - (place(before) if before else -1) == 1
            first, last = ((one["chain"].encode() if one else b"") for one in (before, after))
            between = first < name.encode() and (not after or name.encode() < last)
            need(beside and between, "heads", "not its neighbours")
            self.unproven += bool(chain.hashes) and name != LOG  # which goes on by fixing its heads

    def _level(self) -> None:
        """How far was it really checked? Each level needs the one below; what is lacking is said."""
        report, policy = self.report, self.policy
        lacking = "no-checkpoint" if self.log else "no-log"
        if self.log and self.own and policy.checkpoint_keys:
            lacking = self.continues(self.own)
        if lacking == "fork":
            report.fail("fork", "log", "the bundle's log does not continue your checkpoint")
        report.anchored = 0 if lacking else report.anchored
        tail = report.entries - report.anchored
        cosigned = max((len(c.by(policy.witnesses, COSIGNS)) for c in (self.own, self.log) if c), default=0)
        if report.what.get("kind") != "item":
            report.skip("selection")
        if lacking not in ("", "fork"):
            report.skip(lacking)
        for level, missing, count in (
            ("V1", report.failed, 0),
            ("V2", not policy.engine_keys and ("no-engine-keys" if policy.given else "no-policy"), 0),
            ("V3", lacking or (tail and "tail"), 0 if lacking else tail),
            ("V4", not 0 < policy.quorum <= cosigned and "no-quorum", 0),
            ("V5", (not self.fixed or self.unproven) and "no-heads", self.unproven),
        ):
            if missing:
                if isinstance(missing, str):
                    report.skip(missing, count)
                return
            report.level = level

    def continues(self, own: Checkpoint) -> str:
        """What is lacking for the bundle's log to go on from a checkpoint; empty if it does."""
        assert self.log is not None
        log = self.log
        if own.size > log.size:
            return "older"
        path = self.proofs.get((own.size, log.size)) if own.size < log.size else []
        if path is None:
            return "no-consistency"
        same = own.origin == log.origin and self.tree.consistent(own.size, log.size, own.root, log.root, path)
        return "" if same else "fork"


def fault_of(held: Json, at: int, index: int | None) -> str:
    """Why something made at a moment, and put into the log at a place, by this key is not good."""
    if not held["from"] <= at <= held.get("until", at):
        return f"good from {held['from']} to {held.get('until', 'now')} only"
    if at >= held.get("since", at + 1):
        return f"revoked, not good since {held['since']}"
    late = held.get("revoked") is not None and (index is None or index > held["revoked"])
    return "revoked before this came into the log" if late else ""


# =======================================================================================================================
# II. What an entry says, against itself and its chain
# =======================================================================================================================

# --- what an item's entries add up to ----------------------------------------------------------------------------------

# Each kind of act, the effects of its own that it leads to, and what the first of them repeats of the act.
_OWN_ACTS: dict[str, tuple[str, str]] = {
    "open": ("opened", "item flow unit campaign category fields_ cites"),
    **dict.fromkeys(("submit", "report-zero", "record-tally"), ("submitted", "materials figures")),
    **dict.fromkeys(
        ("sign", "decide", "accept", "close-out", "look-back", "reopen"),
        ("signed", "person=by.person post=by.post unit=by.unit"),
    ),
    "return": ("returned", "person=by.person"), "withdraw": ("withdrawn", "slot person=by.person"),
    "urge": ("urged", ""), "add-signer": ("signer-added", ""), "remove-signer": ("signer-removed", "slot"),
    "transfer": ("transferred", "slot"), "close-line": ("line-closed", "list no evidence"),
    "name-lead": ("lead-named", "person post unit role"), "post-notice": ("notice-posted", "content"),
    "objection": ("objection-raised", "text"), "adopt-nodes": ("nodes-bound", "nodes"),
    "move-item": ("moved", "from=gone to=successor"), "migrate": ("migrated", "to"),
    "extend": ("due-extended", ""), "pause": ("due-paused", ""), "resume": ("due-resumed", ""),
    "exempt": ("exempted", ""), "supplement": ("submitted supplemented", "materials figures"),
    "contradict": ("contradicted", "finding"), "reverse": ("reversed", "finding"),
    "delegate": ("delegated", "delegate"), "recall": ("recalled", ""), "copy": ("copied", "person post unit"),
    "hand-over": ("handed-over", "place leaver delegate"),
    "ask-override": ("override-asked", "place person=by.person"), "override": ("overridden", "place person=by.person"),
    "open-ballot": ("ballot-opened", "roll eligible codes keys"), "record-check": ("checked", "finding method"),
    "suspend": ("suspended", ""), "activate": ("activated", ""),
}  # fmt: skip
LEADS_TO: dict[str, tuple[list[str], dict[str, str]]] = {
    kind: (effects.split(), {m: of or m for m, _, of in (pair.partition("=") for pair in repeated.split())})
    for kind, (effects, repeated) in _OWN_ACTS.items()
}
OWN = frozenset(effect for effects, _ in LEADS_TO.values() for effect in effects)
ALONG_WITH = {"suspend": "due-paused", "activate": "due-resumed"}  # of every clock there is, be they none or many
IN_A_PLACE, ABOUT_IT, PLAIN, STATED = (
    frozenset(names.split())
    for names in (
        # the acts that a person signs: in a place of the chain of signatures, and about the item as a whole
        "sign decide accept close-out look-back reopen return delegate recall",
        "extend pause resume exempt supplement contradict reverse hand-over ask-override override suspend activate "
        "open-ballot record-check",
        # the engine's own acts, which lead to no effect of an act
        "view import-org publish fire reproject-due heads open-epoch incarnation",
        # members of an act that its statement repeats as they are; below, those of which it has the digest
        "outcome vote due minutes rule to finding method on paper roll eligible codes keys straight delegate place leaver",
    )
)
STATED_BY_DIGEST = ("opinion", "reason")
# What an effect makes of places, and the members of the content that are shown always, or where there is something.
STATES = {
    "signed": "signed", "slot-opened": "open", "superseded": "waiting", "not-needed": "not-needed",
    "overridden": "overridden",
}  # fmt: skip
ALWAYS: Json = {
    "item": "", "round": 1, "stage": "", "stay": 0, "outcome": "", "category": "", "fields": {}, "materials": {},
    "lists": {}, "relies": [],
}  # fmt: skip
SOMETIMES: Json = {"figures": {}, "roll": {}, "assigned": {}, "ballot": {}}


class Case:
    """As much of an item's state as its signatures cover: which places are open, and the content shown."""

    def __init__(self) -> None:
        self.shown = {**ALWAYS, **SOMETIMES}  # its values are replaced, never changed
        self.definition, self.form = "", 1  # 2: figures that rules decide on are part of the content
        self.slots: dict[str, Json] = {}
        self.digest = ""  # of the content, until something changes it
        self.stays = 0
        self.left: tuple[dict[str, Json], int] = {}, 0  # the places of the stay before, and which it was
        self.back = ""  # the place whose signature is taken back

    def content(self) -> str:
        """The digest of what a person was shown: every material by digest, the outcome, the stage and the round."""
        if not self.digest:
            kept = {k: v for k, v in self.shown.items() if k in ALWAYS or (v and (k != "figures" or self.form > 1))}
            self.digest = digest(canonical(kept))
        return self.digest

    def apply(self, effect: Json, seq: int) -> None:
        kind, shown = effect["e"], self.shown
        if kind not in STATES:
            self.digest = ""
        if kind in STATES:
            for key in effect["slots"] if "slots" in effect else [effect.get("slot") or effect["place"]]:
                self.slots[key].update(state=STATES[kind], seq=seq)
        elif kind == "opened":
            self.definition, self.form = effect["definition"], effect.get("form", 1)
            shown |= {"item": effect["item"], "category": effect.get("category", "")}
            shown["fields"] = effect.get("fields_", {})
        elif kind == "entered":
            again = effect.get("round", shown["round"]) == shown["round"]
            for name in ("materials", "figures"):  # the next round keeps the lists; a vote held again goes without
                gone = effect.get("without", ()) if again else shown[name].keys() - shown["lists"].keys()
                shown[name] = {k: v for k, v in shown[name].items() if k not in gone}
            shown |= {"round": effect.get("round", shown["round"]), "stage": effect["stage"], "outcome": ""}
            left, self.left = self.left, (self.slots, shown["stay"])
            self.stays += 1
            shown |= {"stay": self.stays, "ballot": {}}
            if "stay" in effect:  # the stay before goes on: what ended it was taken back
                self.slots, shown["stay"] = left
            stood = set(self.signed()) - {self.back}
            self.slots = self._places(effect)
            if "stay" in effect and (effect["stay"] != left[1] or set(self.signed()) != stood):
                raise Bad("effect", "entered: not the stay before without the signature that is taken back")
        elif kind == "withdrawn":
            self.back = effect["slot"]
        elif kind == "submitted":
            self._submitted(effect)
        elif kind == "lead-named" and "role" in effect:
            person = {name: effect[name] for name in ("person", "post", "unit")}
            shown["assigned"] = {**shown["assigned"], effect["role"]: person}
        elif kind == "ballot-opened":
            shown["ballot"] = {**effect, "seq": seq}
            del shown["ballot"]["e"]
        elif kind == "outcome-set":
            shown["outcome"] = effect["outcome"]
        elif kind == "line-closed":
            held = shown["lists"][effect["list"]]
            closings = digest(canonical([held["closings"], effect["no"], effect["evidence"]]))
            shown["lists"] = shown["lists"] | {effect["list"]: held | {"open": held["open"] - 1, "closings": closings}}
        elif kind == "migrated":  # to another version of the flow; what was signed stays
            if self.definition != effect["from"]:
                raise Bad("effect", "migrated: from another definition than the item's")
            self.definition, shown["stage"] = effect["to"], effect.get("stage", shown["stage"])
            if "slots" in effect:
                before, self.slots = self.signed(), self._places(effect)
                if before.keys() != self.signed().keys():
                    raise Bad("effect", "migrated: a signature is dropped")
        elif kind == "moved":  # to the successor of a unit: the places nobody has signed; what was signed stays
            self.slots = {**self.slots, **self._places(effect)}
        elif kind in ("signer-added", "signer-removed", "transferred"):
            self.slots = self._places(effect)
        elif kind == "exempted":
            self.slots = {}
        elif kind in ("delegated", "recalled", "handed-over"):
            pair = {k: effect[k] if effect.get("giver") else "" for k in ("delegate", "giver")}
            self.slots[effect.get("slot") or effect["place"]].update(pair)

    def _submitted(self, effect: Json) -> None:
        """Papers come in the place of those of their names; what is known of a list's lines stays with the lines."""
        shown, papers = self.shown, effect.get("materials", {})
        shown["materials"] = {**shown["materials"], **papers}
        if self.form > 1:
            shown["figures"] = {k: v for k, v in shown["figures"].items() if k not in papers}
        for name, figures in effect.get("figures", {}).items():
            of_list = ("lines", "closed", "links") if "lines" in figures else ()
            kept = {k: v for k, v in figures.items() if k not in (*of_list, "words")}
            shown["figures"] = {**shown["figures"], name: kept}
            if of_list:
                closed = len(figures.get("closed", ()))
                line = {"lines": figures["lines"], "open": figures["lines"] - closed}
                line |= {"closings": shown["lists"][name]["closings"] if closed else ""}
                line |= {"links": figures["links"]} if "links" in figures else {}
                shown["lists"] = {**shown["lists"], name: line}
        shown |= {k: effect[k] for k in ("outcome", "relies", "roll") if k in effect}

    def signed(self) -> dict[str, Json]:
        return {key: slot for key, slot in self.slots.items() if slot["state"] == "signed"}

    def _places(self, effect: Json) -> dict[str, Json]:
        """The places an effect lays out. Only a signature signs one: those that are signed were so before."""
        laid = {slot["key"]: {"seq": 0, **slot} for slot in effect.get("slots", ())}
        for key, slot in laid.items():
            held = self.slots.get(key, {})
            if slot["state"] == "signed" and (held.get("state"), held.get("seq")) != ("signed", slot["seq"]):
                raise Bad("effect", f"{effect['e']}: place {key} is signed by nobody")
        return laid


def named_by(act: Json) -> Iterator[str]:
    """The digests of the documents an act hands in."""
    yield from act.get("materials", {}).values()
    yield from (act[name] for name in ("minutes", "evidence", "text") if act.get(name))
    if act.get("paper"):
        yield act["paper"]["scan"]
    if act["kind"] == "import-org":
        yield act["content"]
        yield from act.get("parts", ())


def cited_by(body: Json) -> Iterator[tuple[str, int, str]]:
    """Chain, number (0: any) and hash of the entries of other chains that an entry relies on."""
    cites = body["act"].get("cites", {})
    if body.get("org"):
        yield ORG, 0, body["org"]
    if cites.get("entry"):
        yield cites["item"], cites["seq"], cites["entry"]
    told = [value for fact, value in body.get("facts", {}).items() if fact.startswith(("children ", "roll "))]
    told += [effect["relies"] for effect in body.get("effects", ()) if "relies" in effect]
    for child in (child for children in told for child in children if "head" in child):
        yield child["item"], child["seq"], child["head"]


def rests_on(body: Json, slot: Json) -> Json:
    """By which tenure or mandate, of those that the rules were told of, the person signed."""
    by, facts = body["act"]["by"], body["facts"]

    def authority(person: str) -> Json | None:
        asked = f"authority {person} {by['unit']} {by['post']} "
        return next((value for fact, value in facts.items() if fact.startswith(asked)), None)

    own = authority(by["person"]) or {}
    if "tenure" in own:
        return own
    if slot.get("delegate") == by["person"]:  # let do it by whoever has the place
        giver = authority(slot["giver"]) or {}
        return {"tenure": giver["tenure"], "as": "delegate", "principal": slot["giver"]}
    mandate = body["statement"].get("mandate")
    return {**next((m for m in own.get("mandates", ()) if m["mandate"] == mandate), {}), "as": "mandate"}


# --- does an entry fit itself? -----------------------------------------------------------------------------------------


def means(of: Verifier, body: Json, chain: Chain, made: bytes, place: str) -> None:
    """Do act, effects and statement of the entry fit each other, and all that was said before in its chain?"""
    act, effects, name, number = body["act"], body.get("effects", []), body["chain"], body["seq"]
    kind = act["kind"]
    if kind == "open" and number == 1:
        chain.case, chain.cites = Case(), act.get("cites", {})
    case, known = chain.case, kind in LEADS_TO or kind in PLAIN
    if name == LOG and kind == "heads":
        of.fixed = act
    if not known and name not in (ORG, LOG, FLOWS):
        of.report.skip("seal-only", 1)
    if case is None:
        fits = kind not in LEADS_TO and (not known or name in (ORG, LOG, FLOWS, f"view:{act.get('item')}"))
        need(fits, "act", "{} in a chain that is no item's, or another item's", kind)
        return
    need(act.get("item") == name and (kind == "open") == (number == 1), "act", "{} of {!r}", kind, act.get("item"))
    told = [digest_ for fact, digest_ in body["facts"].items() if fact.startswith("calendar ")]
    for one in (body["definition"], body["calendar"], *told):
        of.allowed(one)
        need(one in of.published, "library", "{} is not in the bundle", one)
    flow = of.published[body["definition"]]
    key = led(act, effects)
    sheet(of, act, case, flow, place)
    signs = kind in IN_A_PLACE or kind in ABOUT_IT
    if signs:
        statement(of, body, case, flow, key)
    else:
        need(not {"statement", "proof"} & body.keys(), "statement", "{} carries one, and is no signature", kind)
    for effect in effects:
        case.apply(effect, number)
        if effect["e"] == "item-opened":
            of.opened.append((place, effect["item"], {"item": name, "seq": number, "entry": made.hex()}))
    same = (case.shown["item"], case.definition) == (name, body["definition"])
    need(same, "effect", "of another item or definition than it began with")
    if signs:  # at last: a signature that is too weak still stands where it stands
        person(of, body, place)


def led(act: Json, effects: list[Json]) -> str:
    """An act leads to the effects of its kind and to no other act's, the engine's own to none; the place of the last."""
    expected, repeated = LEADS_TO.get(act["kind"], ([], {}))
    own = [effect for effect in effects if effect["e"] in OWN and effect["e"] != ALONG_WITH.get(act["kind"])]
    got = [effect["e"] for effect in own]
    need(got == expected, "effect", "{} leads to {}; expected {}", act["kind"], got, expected)
    for member, where in repeated.items():
        within, _, name = where.rpartition(".")
        same = own[0].get(member) == (act[within] if within else act).get(name)
        need(same, "effect", "{}: {} differs from the act's", got, member)
    return own[-1].get("slot", "") if own else ""


def sheet(of: Verifier, act: Json, case: Case, flow: Json, place: str) -> None:
    """Remember the sheet of a vote until its papers are read; they stand behind all entries."""
    stage: Json = next((s for s in flow.get("stages", ()) if s.get("stage") == case.shown["stage"]), {})
    ballot, handed = stage.get("tally", {}).get("ballot"), act.get("materials", {})
    by_hand = ballot and ballot.get("by-choice") and not case.shown["ballot"]  # on paper: nothing here to add up
    if ballot and not by_hand and stage["tally"]["material"] in handed:
        figures = act.get("figures", {}).get(stage["tally"]["material"], {})
        same = figures.get("eligible") == case.shown["ballot"].get("eligible")
        need(same, "tally", "a sheet of another roll than the one frozen")
        of.boxes.setdefault(handed.get(ballot["box"], ""), []).append((place, figures, ballot))


def recount(papers: list[Json], figures: Json, ballot: Json) -> None:
    """The opened papers of a vote add up to the sheet that was signed over them; marks are each there once."""
    sums: Json = {"voted": len(papers)}
    for measure in ("aware", "dissatisfied"):
        ((name, chosen),) = ballot[measure].items()
        sums[measure] = sum(paper.get(name) in chosen for paper in papers)
    if not papers and figures.get("voted", 0) < ballot.get("at-least", 5):
        del sums["voted"]  # too few to be opened
    need(sums.items() <= figures.items(), "tally", "the sheet is not the sum of the papers, {}", sums)
    need(len({paper["mark"] for paper in papers}) == len(papers), "tally", "two papers have one mark")


def statement(of: Verifier, body: Json, case: Case, flow: Json, key: str) -> None:
    """Is what the person signed exactly what the entry says they did, over the content that was there?"""
    act, held, by, shown = body["act"], body["statement"], body["act"]["by"], case.shown
    slot: Json = {"key": "", "level": ""}
    if act["kind"] in IN_A_PLACE:
        slot = case.slots[key]
        open_to_them = (slot["state"], slot["post"], slot["unit"]) == ("open", by["post"], by["unit"])
        need(open_to_them, "statement", "place {} is {}, of {}@{}", key, slot["state"], slot["post"], slot["unit"])
    need(act.get("slot") in (None, slot["key"]), "statement", "about place {!r}; the act is not", slot["key"])
    rests = rests_on(body, slot)
    expected = {
        "v": 1, "origin": of.policy.origin or of.report.origin, "item": shown["item"], "round": shown["round"],
        "stage": shown["stage"], "stay": shown["stay"], "slot": slot["key"], "flow": flow["flow"],
        "version": flow["version"], "definition": body["definition"], "content": case.content(),
        "meaning": act["kind"], "liability": flow["liability"]["zh"], "person": by["person"], "post": by["post"],
        "unit": by["unit"], "level": slot["level"], "tenure": rests["tenure"], "as": rests["as"],
        "relies": [one["seq"] for one in case.signed().values()], "nonce": held["nonce"], "at": held["at"],
    }  # fmt: skip
    expected |= {m: rests[m] for m in ("mandate", "principal") if m in rests}
    expected |= {m: act[m] for m in STATED & act.keys() if act[m]}
    expected |= {m: digest(act[m].encode()) for m in STATED_BY_DIGEST if act.get(m)}
    expected |= {m: act[m] for m in held.keys() - expected.keys() if act.get(m)}
    if held != expected:
        differing = [m for m in expected.keys() | held.keys() if expected.get(m) != held.get(m)]
        raise Bad("statement", f"{', '.join(sorted(differing))} differ from what the entries say")
    need(act["seen"] == expected["content"], "statement", "what was seen is not what was there")
    fresh = type(held["at"]) is int and text_of(held["nonce"]) and held["nonce"] not in of.nonces
    need(fresh, "nonce", "{!r:.40}", held["nonce"])
    of.nonces.add(held["nonce"])


def person(of: Verifier, body: Json, place: str) -> None:
    """How strongly is the statement bound to the person? S2: by a key of their own. S3: by one that is certified, and with
    a timestamp; that is not read here, so that it is S3? at most, and worth an S2 - or left open, where S3 is demanded."""
    policy, proof, held, name = of.policy, body["proof"], body["statement"], body["statement"]["person"]
    strength, own = proof["strength"], text_of(proof.get("algorithm", ED25519))
    worth = strength if own == ED25519 else min(strength, "S1")  # no other is built in: such a signature is not checked
    counts = policy.strength == "S0" or policy.wet if strength == WET else worth >= policy.strength
    told = strength if own == ED25519 else f"{strength} by {own:.20}"
    need(strength in (*STRENGTHS, WET) and counts, "strength", "{}; the policy demands {}", told, policy.strength)
    inked = (strength == WET) == ("paper" in held)  # ink: what the registrar vouches for, with the scan
    need(inked, "strength", "{} and a paper that was signed do not go together", strength)
    has = {"S2": [True, False, False], "S3": [True, True, True]}.get(strength, [False, False, False])
    fits = [member in proof for member in ("signature", "certificate", "timestamp")] == has
    need(fits, "strength", "{} is not what its proof gives", strength)
    if strength in ("S2", "S3"):
        key, pinned = key_in(proof["key"]), policy.signers.get(name)
        same = pinned is None or (key in pinned and own == ED25519)  # a policy can pin no other
        need(same, "signer", "signed with another key than the policy has for {}", name)
        of.used.append(("signer", key_id(key).hex(), own, name, body["at"], -1, place))
        if own == ED25519:
            failure = ("signer", place, f"the signature of {name} does not cover the statement")
            of.signatures.add(key, bytes.fromhex(proof["signature"]), pae(STATEMENT, canonical(held)), failure)
        else:
            of.report.skip("no-algorithm", 1)
        vouched = strength == "S3" and certified(of, body)
        if pinned is None and not vouched:
            of.report.skip("signer-unknown", 1)
        if pinned is None or strength == "S3":
            strength += "?"
    of.report.strengths[strength] += 1


def certified(of: Verifier, body: Json) -> bool:
    """Does an authority of the policy say, by the certificate in an S3, that the key was the person's about then?"""
    proof, held, policy = body["proof"], body["statement"], of.policy
    written = all(re.fullmatch("([0-9a-f]{2}){1,32768}", text_of(proof[m])) for m in ("certificate", "timestamp"))
    need(written, "certificate", "it, or the timestamp, is not written in hex")
    untimed = "demanded" if policy.strength == "S3" else "no-timestamps"
    of.report.skip(untimed if policy.authorities else "no-authorities", 1)
    if not policy.authorities:
        return False
    from cryptography import x509

    def issued(by: x509.Certificate) -> bool:
        try:
            one.verify_directly_issued_by(by)
            hashed = one.signature_hash_algorithm  # None under Ed25519
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return hashed is None or hashed.digest_size >= 32

    def good(one: x509.Certificate) -> bool:  # at a moment that the timestamp may have
        first, last = (int(day.timestamp()) * 1_000_000 for day in (one.not_valid_before_utc, one.not_valid_after_utc))
        return bool(first <= body["at"] + STAMPED_WITHIN and held["at"] - STAMPED_WITHIN <= last)

    bad_form = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)  # no ValueErrors
    try:
        one = x509.load_der_x509_certificate(bytes.fromhex(proof["certificate"]))
        key, fits = one.public_key(), fit(one)
    except (ValueError, UnsupportedAlgorithm, *bad_form) as error:
        raise Bad("certificate", said(error)) from None
    need(fits, "certificate", "its key is for other things, or it has a critical extension that is unknown here")
    same = isinstance(key, Ed25519PublicKey) and key.public_bytes_raw().hex() == proof["key"]
    need(same and proof.get("algorithm", ED25519) == ED25519, "certificate", "of another key")
    kinds = (x509.NameOID.SERIAL_NUMBER, x509.NameOID.USER_ID, x509.NameOID.COMMON_NAME)
    named = next((found for kind in kinds if (found := one.subject.get_attributes_for_oid(kind))), [])
    name = policy.names.get(held["person"], held["person"])
    need([attribute.value for attribute in named] == [name], "certificate", "it does not name {}", name)
    issuers = [ca for ca in map(x509.load_der_x509_certificate, policy.authorities) if issued(ca)]
    need(issuers, "certificate", "issued by none of the policy's authorities")
    need(good(one) and any(map(good, issuers)), "certificate", "it was not good then")
    return True


# =======================================================================================================================
# III. One bundle after another, and telling
# =======================================================================================================================


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
    for one in [*(old.published.keys() - new.published.keys()), *(old.contents.keys() - new.contents.keys())]:
        report.fail("lost", one, "a definition, a calendar or a document")
    if withdrawn := sum(here and not new.contents.get(one, True) for one, here in old.contents.items()):
        report.skip("withdrawn", withdrawn)
    if old.log and new.log:
        lacking = new.continues(old.log) if old.log.origin == new.log.origin else "no-consistency"
        if lacking == "no-consistency":
            report.skip(lacking)
        elif lacking:
            code = "lost" if lacking == "older" else lacking
            report.fail(code, "log", f"{old.log.size} entries before, {new.log.size} now")
    if report.failed:
        report.level = "V0"
    return report


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
            self.failures.append((code, place[:TOLD], detail[:TOLD]))

    def skip(self, code: str, count: int = 0) -> None:
        self.unchecked[code] = self.unchecked.get(code, 0) + count

    @property
    def exit_code(self) -> int:
        """0 holds, 1 does not hold, 2 could not be checked, or not up to the level or strength asked for."""
        if self.failed and self.entries:
            return 1
        return 2 if self.level < self.wanted or "demanded" in self.unchecked else 0


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
    "keys": ("an event of the chain of keys does not hold", "密钥事项不成立"),
    "key-not-good": ("made with a key that was not good for it", "所用密钥当时无效"),
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
    "policy": ("the policy cannot be used", "核验策略不可用"),
    "policy-members": ("the policy cannot be used: unknown members", "核验策略不可用:有未知成员"),
    "policy-quorum": (
        "the policy cannot be used: a quorum beyond its witnesses",
        "核验策略不可用:法定数与见证人数不符",
    ),
    "policy-words": ("the policy cannot be used: an unknown strength or algorithm", "核验策略不可用:强度或算法不识"),
    "policy-origin": (
        "the policy cannot be used: engine keys, but of which log",
        "核验策略不可用:有引擎公钥而未指定日志",
    ),
    "own": (
        "not a checkpoint of the policy's log, signed by a key of it",
        "不是核验策略所指日志、由其公钥签署的检查点",
    ),
    "large": ("more bytes than are read", "超出读取上限"),
    "unread": ("cannot be read", "无法读取"),
    "rules": ("whether the rules of the definition allow this history", "流程规则是否允许这段历史"),
    "no-policy": ("signatures and seals: no policy was given", "签名与封印:未提供核验策略"),
    "no-engine-keys": ("seals: the policy pins no engine key", "封印:核验策略未指定引擎密钥"),
    "no-checkpoint": ("the log: you brought no checkpoint of your own", "日志:您未自带检查点"),
    "no-log": ("the log: the bundle carries no checkpoint", "日志:证据包不含检查点"),
    "older": ("the log: your checkpoint is newer; ask for a new bundle", "日志:检查点新于证据包,请索取新包"),
    "no-consistency": ("the log: no proof leads from your checkpoint on", "日志:缺少两检查点间的一致性证明"),
    "tail": ("the unanchored tail: entries outside your checkpoint", "未锚定的尾部:检查点之外的记录"),
    "no-quorum": ("witnesses: fewer than the policy's quorum cosigned", "见证:联署未达核验策略法定数"),
    "no-heads": ("completeness: a chain has no proven head", "完整性:有链缺少链首证明"),
    "withheld": ("contents that the bundle lists but does not hold", "仅列摘要、未附内容的材料"),
    "policy-authorities": (
        "the policy cannot be used: authorities and timestamps go together, and strength S3 takes both",
        "核验策略不可用:认证机构与时间戳机构须一并指定,要求 S3 时二者均不可缺",
    ),
    "policy-issuer": (
        "the policy cannot be used: an authority that issues no certificates",
        "核验策略不可用:所列认证机构证书不能签发证书",
    ),
    "certificate": ("the certificate of a person's key does not hold", "个人密钥的证书不成立"),
    "timestamp": ("the timestamp of a signature does not hold", "签名的时间戳不成立"),
    "no-authorities": (
        "certificate and timestamp of signatures that say S3: the policy names no authorities",
        "自称 S3 的签名的证书和时间戳:核验策略未列认证机构",
    ),
    "no-timestamps": (
        "timestamps of signatures that say S3: not read by this file, but by workflow verify",
        "自称 S3 的签名的时间戳:本程序不读取,须用 workflow verify 核验",
    ),
    "demanded": (
        "timestamps of signatures that must be S3: not read by this file, but by workflow verify",
        "须达到 S3 的签名的时间戳:本程序不读取,须用 workflow verify 核验",
    ),
    "no-algorithm": (
        "persons' own signatures by algorithms that this file does not know (S2 counts for none of them)",
        "本程序不识其算法的个人签名(不计为 S2)",
    ),
    "signer-unknown": ("persons' own signatures whose keys the policy lacks", "核验策略中没有其密钥的个人签名"),
    "selection": ("whether nothing else belongs to what was asked for", "所索取范围内是否另有事项"),
    "withdrawn": ("documents that the earlier bundle held and the later one only lists", "先前附有、现仅列摘要的材料"),
    "seal-only": ("entries of unknown kinds (chain and seal only)", "本程序不识其种类的记录(仅核链与封印)"),
}
TITLES = {
    "result": ("result", "结论"), "holds": ("holds", "成立"), "fails": ("does NOT hold", "不成立"),
    "unchecked": ("could not be checked as far as asked for", "未能核验到所要求的层级"),
    "level": ("level", "层级"), "wanted": ("asked for", "要求"),
    "entries": ("entries", "记录"), "chains": ("chains", "链"), "signatures": ("signatures", "签名"),
    "contents": ("contents", "材料"), "anchored": ("anchored", "已锚定"), "tail": ("unanchored tail", "未锚定尾部"),
    "rules": ("rules: not checked", "规则:未核验"), "not": ("not checked", "未核验"), "more": ("and more", "另有更多"),
}  # fmt: skip


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


def check(path: str, policy: Policy, own: Checkpoint | None) -> Verifier:
    verifier = Verifier(policy, own)
    with open(path, "rb") as file:
        verifier.run(file)
    return verifier


def _read(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unusable("large", f"{path}, {limit}")
    return data


def _own(path: str, policy: Policy) -> Checkpoint:
    """The checkpoint that somebody brought, if the policy lets it count."""
    try:
        own = Checkpoint.read(_read(path, NOTE_LIMIT).decode())
    except ValueError as error:
        raise Unusable("own", f"{path}, {said(error)}") from None
    if own.origin != policy.log or not own.by(policy.checkpoint_keys):
        raise Unusable("own", path)
    return own


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
        verifier = check(given.bundle, policy, _own(given.checkpoint, policy) if given.checkpoint else None)
        if given.command == "verify-diff":
            compare(check(given.old, policy, None), verifier)
    except (OSError, Unusable) as error:
        told = error if isinstance(error, Unusable) else Unusable("unread", f"{error.filename}, {error.strerror}")
        return _say(sys.stderr, told.told(given.lang), 2)
    report = verifier.report
    report.wanted = given.require
    text = as_json(report) if given.json else as_text(report, given.lang)
    return _say(sys.stdout, text, report.exit_code)


def _say(out: TextIO, text: str, code: int) -> int:
    """Write what the terminal's encoding can show; the exit code, as it is."""
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
