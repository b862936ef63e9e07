"""The book of keys: registering, handing over and revoking, each a sealed entry of chain ``keys``.

The chain begins with the first event; from then on a seal by a key that no event brought is a failure of verification.
Until then the keys that the database names in ``wf_meta`` stand as they are, so that a database with one key says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow import sealing
from workflow.errors import KeyEventRefused, KeyUnavailable, Said
from workflow.evidence import canonical, signatures
from workflow.evidence.keyring import CHAIN, REGISTER, REVOKE, ROTATE, BadEvent, Key, Keyring, Use, to_sign
from workflow.evidence.keys import FileKeyProvider, KeyProvider, key_id_of
from workflow.receipt import Receipt
from workflow.store import library

ED25519 = signatures.ED25519


class Rings:
    """The ring of a database, kept while the head of its chain of keys is the same."""

    def __init__(self) -> None:
        self._held: tuple[bytes | None, Keyring] = (None, Keyring())

    def of(self, connection: Any) -> Keyring:
        head = library.chain_head(connection, CHAIN)
        held = self._held
        if head != held[0]:
            held = self._held = (head, ring(connection))
        return held[1]


def ring(connection: Any) -> Keyring:
    """The keys as the chain has them now."""
    return Keyring.of(library.bodies(connection, CHAIN))


class Keybook:
    """Writes key events on a transaction of the caller's.

    Args:
        signer: the engine's own key, which seals the events.
        at: microseconds UTC, of every event written here.
    """

    def __init__(self, connection: Any, signer: KeyProvider, at: int) -> None:
        self.connection = connection
        self.signer = signer
        self.at = at
        self.ring = ring(connection)
        self._seq = len(library.bodies(connection, CHAIN))

    def register(
        self,
        use: Use,
        of: str,
        public: bytes,
        *,
        by: str,
        reason: str,
        algorithm: str = ED25519,
        holder: KeyProvider | None = None,
        unvouched: bool = False,
    ) -> Receipt:
        """Register a key.

        Args:
            of: whose: a node, a log's origin, a witness's name, a person's id.
            by: who answers for the registration.
            holder: signs the event with the new key, as proof that it is held; without, the event says nothing of it.
            unvouched: an engine's key that no older key signs for; shown by every verification from now on.

        Raises:
            KeyEventRefused: it is registered already, or no key of its algorithm.
        """
        if not signatures.algorithm(algorithm).valid_key(public):
            raise KeyEventRefused(
                expected=Said(f"a public key of {algorithm}", f"{algorithm} 公钥"),
                actual=Said(f"{len(public)} bytes of another form", f"{len(public)} 字节,格式不符"),
            )
        act: dict[str, Any] = {"kind": REGISTER, "use": use, "of": of, "key": public.hex(), "algorithm": algorithm}
        act |= {"by": by, "reason": reason, "id": key_id_of(public).hex()}
        if unvouched:
            act["unvouched"] = True
        if holder is not None:
            act["proof"] = holder.sign(to_sign(act)).hex()
        self._begin(but=public.hex() if use == "engine" else "")
        made = self._write(act)
        if use == "engine":
            library.set_meta(self.connection, f"key/{key_id_of(public).hex()}", public.hex())
        return made

    def rotate(self, use: Use, old: KeyProvider, new: KeyProvider, *, until: int, by: str, reason: str) -> Receipt:
        """Hand over from an old key to a new one; both sign.

        Args:
            until: the last moment at which the old key is good, for processes that still hold it.

        Raises:
            KeyEventRefused: the old key is not good any more, or the new one is registered already.
        """
        self._begin()
        act: dict[str, Any] = {"kind": ROTATE, "use": use, "key": old.public_key().hex(), "to": new.public_key().hex()}
        act |= {"id": old.key_id().hex(), "to-id": new.key_id().hex(), "algorithm": ED25519, "until": until}
        act |= {"by": by, "reason": reason}
        signed = to_sign(act)
        act |= {"old": old.sign(signed).hex(), "new": new.sign(signed).hex()}
        made = self._write(act)
        if use == "engine":
            library.set_meta(self.connection, f"key/{new.key_id().hex()}", new.public_key().hex())
        return made

    def revoke(self, key_id: str, *, since: int, by: str, reason: str) -> Receipt:
        """Revoke a key by its id: what it made at or after ``since`` (microseconds UTC) is not good, for good.

        Raises:
            KeyEventRefused: no such key; or it is the one that seals this event: hand over first.
        """
        self._begin()
        found = [k for k in self.ring.keys.values() if k.id == key_id]
        if len(found) != 1:
            raise KeyEventRefused(
                expected=Said(
                    "the id of one registered key (workflow keys list)", "一个已登记密钥的编号(见 workflow keys list)"
                ),
                actual=key_id,
            )
        (key,) = found
        if key.public == self.signer.public_key().hex():
            raise KeyEventRefused(
                expected=Said(
                    "another key than the one that seals this event; hand over first: workflow keys rotate",
                    "并非正在签封此事项的密钥;请先移交:workflow keys rotate",
                ),
                actual=key_id,
            )
        act = {
            "kind": REVOKE,
            "use": key.use,
            "key": key.public,
            "id": key_id,
            "since": since,
            "by": by,
            "reason": reason,
        }
        return self._write(act)

    def _begin(self, but: str = "") -> None:
        """The first event: the engine keys that the database named before there was a chain."""
        if self._seq:
            return
        for public in library.engine_keys(self.connection).values():
            if public == but:
                continue
            act: dict[str, Any] = {"kind": REGISTER, "use": "engine", "of": "", "key": public, "algorithm": ED25519}
            act |= {"by": "", "reason": "", "id": key_id_of(bytes.fromhex(public)).hex(), "found": True}
            if public == self.signer.public_key().hex():
                act["proof"] = self.signer.sign(to_sign(act)).hex()
            self._write(act)

    def _write(self, act: Mapping[str, Any]) -> Receipt:
        body = {"act": dict(act), "seq": self._seq + 1, "at": self.at}
        try:
            self.ring.apply(canonical.decode(canonical.encode(body)))
        except BadEvent as bad:
            raise KeyEventRefused(
                expected=Said("an event that follows from those before it", "与既有密钥事项相衔接的事项"),
                actual=bad.reason,
            ) from None
        self._seq += 1
        return sealing.append(self.connection, self.signer, CHAIN, act, self.at)


def handed_over(connection: Any, path: Path, *, at: int, until: int, by: str, reason: str) -> tuple[Key, Key]:
    """Rotate the engine's key in a file; the old secret is overwritten. Call ``settle`` once this is committed.

    Interrupted anywhere, it is finished by calling it again.
    """
    part = _part(path)
    new = FileKeyProvider(part) if part.exists() else FileKeyProvider.create(part)
    old = FileKeyProvider(path)
    book = Keybook(connection, old, at)
    if ("engine", new.public_key().hex()) not in book.ring.keys:
        book.rotate("engine", old, new, until=until, by=by, reason=reason)
    return book.ring.keys["engine", old.public_key().hex()], book.ring.keys["engine", new.public_key().hex()]


def settle(path: Path) -> None:
    """Put the new key in the old one's place."""
    if _part(path).exists():
        os.replace(_part(path), path)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def key_for(connection: Any, path: Path, *, at: int, given: tuple[str, str] | None) -> tuple[KeyProvider, bool]:
    """The engine's key at a path, made only where the database knows of none, or where that is asked for.

    Args:
        given: who asks for a key of its own, and why; on record for good.

    Returns:
        The key, and whether the database is still to be told of it.

    Raises:
        KeyUnavailable: the database names keys, and none of them is here; or the one here is not good any more.
    """
    if path.exists():
        key = FileKeyProvider(path)
        return key, unknown(connection, key, at=at, given=given, name=str(path))
    known = library.engine_keys(connection)
    if known and given is None:
        raise KeyUnavailable(name=str(path), expected=_one_of(known), actual=Said("no file", "没有该文件"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FileKeyProvider.create(path), True


def unknown(connection: Any, key: KeyProvider, *, at: int, given: tuple[str, str] | None, name: str = "engine") -> bool:
    """Whether the database is still to be told of a key.

    Raises:
        KeyUnavailable: the database names others and nobody asked for another; or this one is not good any more.
    """
    known, id_ = library.engine_keys(connection), key.key_id().hex()
    if known and id_ not in known and given is None:
        raise KeyUnavailable(name=name, expected=_one_of(known), actual=Said(f"key {id_}", f"密钥 {id_}"))
    held = ring(connection).engine(key.key_id())
    if held is not None and (why := held.fault(at)):
        expected = Said(
            "a key that is good now (the one handed over to, or one of this node's own: workflow keys new)",
            "当前有效的密钥(已移交的新密钥,或本节点新建密钥:workflow keys new)",
        )
        raise KeyUnavailable(name=name, expected=expected, actual=why)
    return id_ not in known


def told(connection: Any, key: KeyProvider, at: int, given: tuple[str, str] | None) -> None:
    """Name a new engine key in the database: quietly the first one, by an event every later one.

    Raises:
        KeyUnavailable: another process named one first.
    """
    id_, known = key.key_id().hex(), library.engine_keys(connection)
    if id_ in known:
        return
    if not known:
        library.set_meta(connection, f"key/{id_}", key.public_key().hex())
        return
    if given is None:
        raise KeyUnavailable(name="engine", expected=_one_of(known), actual=Said(f"key {id_}", f"密钥 {id_}"))
    by, reason = given
    Keybook(connection, key, at).register(
        "engine", "", key.public_key(), by=by, reason=reason, holder=key, unvouched=True
    )


def _one_of(known: Mapping[str, str]) -> Said:
    ids = ", ".join(sorted(known))
    return Said(
        f"one of the keys that the database names: {ids} (mend: give the home folder that holds it with --home; if this node "
        "is to have a key of its own: workflow keys new)",
        f"数据库所列密钥之一:{ids}(请用 --home 指定存放该密钥的目录;本节点确需新密钥的,请运行:workflow keys new)",
    )
