"""Which keys were good when: the events of chain ``keys``, folded.

Four kinds of key are told apart, because losing each costs something else: ``engine`` keys seal entries (one per node),
``checkpoint`` keys sign the log, ``witness`` keys cosign it, ``signer`` keys are persons' own. An event registers a key,
hands over from an old key to a new one (signed by both), or revokes one with the moment since when it may have been in
other hands. A revoked key's earlier work stands; whatever it made at or after that moment is reported for good.

Nothing here trusts a clock more than it must: a thief can write any moment into an entry. What stands in the log behind
the revocation is reported too, whatever moment it names (``workflow.verifier``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from workflow.evidence import canonical, signatures
from workflow.evidence.digest import pae
from workflow.evidence.keys import key_id_of

CHAIN = "keys"
"""The chain of key events, sealed entries like all others."""
EVENT_TYPE = "application/vnd.signoff.key-event+v1"
REGISTER, ROTATE, REVOKE = "register-key", "rotate-key", "revoke-key"

Use = Literal["engine", "checkpoint", "witness", "signer"]
USES: tuple[Use, ...] = get_args(Use)


class BadEvent(ValueError):
    """A key event does not follow from those before it, or is not signed as it must be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Key:
    """One key and what became of it.

    Attributes:
        public: hex, as its algorithm writes it.
        of: the node, log, witness or person whose key it is.
        seq: the number of the event in chain ``keys`` that brought it.
        at: from when it is good, microseconds UTC; 0 for keys older than the chain.
        until: when it was handed over, if it was: what it makes later is not good.
        since: from when it may have been in other hands, if it was revoked.
        vouched: an older key signed for it, or it is the first of its owner.
    """

    public: str
    use: Use
    of: str
    algorithm: str
    seq: int
    at: int
    until: int | None = None
    since: int | None = None
    revoked_seq: int | None = None
    vouched: bool = True

    @property
    def id(self) -> str:
        """The key id in hex."""
        return key_id_of(bytes.fromhex(self.public)).hex()

    def fault(self, at: int) -> str:
        """Why something made at a moment by this key is not good; empty when it is."""
        if self.since is not None and at >= self.since:
            return f"key {self.id} was revoked: not good since {self.since} (keys#{self.revoked_seq})"
        if self.until is not None and at > self.until:
            return f"key {self.id} was handed over at {self.until}"
        if at < self.at:
            return f"key {self.id} is good from {self.at} only (keys#{self.seq})"
        return ""


class Keyring:
    """The keys of a database as its key events tell. Empty where there are none: then nothing is said about any key."""

    def __init__(self) -> None:
        self.keys: dict[tuple[Use, str], Key] = {}
        self._engines: dict[bytes, Key] = {}
        self._signers: dict[str, list[Key]] = {}

    def __bool__(self) -> bool:
        return bool(self.keys)

    @classmethod
    def of(cls, bodies: Iterable[bytes]) -> Keyring:
        """The ring that the bodies of chain ``keys`` lead to; events that do not hold are passed over (``apply`` tells)."""
        made = cls()
        for body in bodies:
            try:
                made.apply(canonical.decode(body))
            except (BadEvent, LookupError, TypeError, ValueError, AttributeError):
                continue
        return made

    def engine(self, key_id: bytes) -> Key | None:
        return self._engines.get(key_id)

    def signers(self, person: str) -> list[Key]:
        """A person's own keys, the newest first."""
        return self._signers.get(person, [])

    def current(self, use: Use, of: str = "") -> list[Key]:
        """The keys of a kind that were neither handed over nor revoked, the newest first."""
        held = [k for k in self.keys.values() if k.use == use and k.until is None and k.since is None]
        return sorted((k for k in held if of in ("", k.of)), key=lambda k: -k.seq)

    def apply(self, body: Mapping[str, Any]) -> None:
        """Take in one event.

        Raises:
            BadEvent: it does not follow from those before it, or lacks a signature it must have.
        """
        act, seq, at = body["act"], body["seq"], body["at"]
        kind, use, public = act["kind"], cast("Use", act["use"]), act["key"]
        if any(act[name] != bytes.fromhex(act[name]).hex() for name in ("key", "to") if name in act):
            raise BadEvent("a key that is not in lowercase hex")
        if use not in USES:
            raise BadEvent(f"no kind of key is called {use!r}")
        held = self.keys.get((use, public))
        if kind == REGISTER:
            if held is not None:
                raise BadEvent("the key is registered already")
            if "proof" in act and not _covers(act, act["algorithm"], public, "proof"):
                raise BadEvent("the new key did not sign its registration")
            start = 0 if act.get("found") else at
            self._put(
                Key(public, use, act["of"], act["algorithm"], seq, start, vouched=not act.get("unvouched", False))
            )
        elif held is None:
            raise BadEvent("the key was never registered")
        elif kind == ROTATE:
            if held.fault(at) or held.until is not None:
                raise BadEvent("the key that hands over is not good any more")
            if not (_covers(act, held.algorithm, public, "old") and _covers(act, act["algorithm"], act["to"], "new")):
                raise BadEvent("old and new key must both sign")
            if (use, act["to"]) in self.keys:
                raise BadEvent("the new key is registered already")
            if act["until"] < at:
                raise BadEvent("it hands over before now")
            self._put(replace(held, until=act["until"]))
            self._put(Key(act["to"], use, held.of, act["algorithm"], seq, at))
        elif kind == REVOKE:
            if act["since"] > at:
                raise BadEvent("it revokes from a moment to come")
            since = act["since"] if held.since is None else min(held.since, act["since"])
            self._put(replace(held, since=since, revoked_seq=held.revoked_seq or seq))
        else:
            raise BadEvent(f"no key event is called {kind!r}")

    def _put(self, key: Key) -> None:
        self.keys[key.use, key.public] = key
        if key.use == "engine":
            self._engines[key_id_of(bytes.fromhex(key.public))] = key
        if key.use == "signer":
            others = [k for k in self._signers.get(key.of, []) if k.public != key.public]
            self._signers[key.of] = sorted([key, *others], key=lambda k: -k.seq)


def to_sign(act: Mapping[str, Any]) -> bytes:
    """What the keys named in an event sign: the event without its signatures, under its type."""
    return pae(EVENT_TYPE, canonical.encode({k: v for k, v in act.items() if k not in ("proof", "old", "new")}))


def _covers(act: Mapping[str, Any], algorithm: str, public: str, name: str) -> bool:
    signature = act.get(name)
    return isinstance(signature, str) and signatures.verifies(algorithm, public, signature, to_sign(act))
