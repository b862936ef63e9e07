"""Personal data of third parties: in documents as salted commitments, in plain only beside them, until it is erased.

A field marked ``personal`` is replaced, before the document is hashed, by ``personal:<hash>`` over a salt and the value.
The salt is derived from a key of the subject's own, so that the same value of the same person gives the same commitment
(a list handed in again compares), and nobody without the key can guess values against it. Erasing a person destroys that
key and what was sealed under it: every hash, signature and proof stays as it was, and the commitments open to nothing.

What this does not reach: backups made before, and plain text that people wrote into fields nobody marked.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from workflow import removals, sealing
from workflow.errors import Said, Unknown
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.evidence.digest import hash_parts
from workflow.evidence.keys import KeyProvider
from workflow.receipt import Receipt
from workflow.store import personal as store

if TYPE_CHECKING:
    from workflow.definition.model import Material

PREFIX = "personal:"
_DOMAIN = "signoff/personal/v1"
_FORM = re.compile(r"personal:[0-9a-f]{64}")  # as rules.materials knows it


def is_commitment(value: Any) -> bool:
    return isinstance(value, str) and _FORM.fullmatch(value) is not None


def marked(material: Material) -> bool:
    """Whether a material has personal fields."""
    return any(spec.personal for spec in material.fields.values())


def commit(connection: Any, material: Material, value: Any, item: str) -> Any:
    """A document or list with its personal values replaced by commitments; what they stand for is kept beside it.

    Whose data a field is: the person named in the field that ``personal`` names; with ``personal: true`` the item's own
    subject, ``item:<id>``.
    """
    kept: dict[str, dict[str, bytes]] = {}
    keys: dict[str, bytes] = {}

    def fields(line: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(line)
        for name, spec in material.fields.items():
            if not spec.personal or line.get(name) in (None, "") or is_commitment(line[name]):
                continue
            named = line.get(spec.personal) if isinstance(spec.personal, str) else None
            subject = named if named and not is_commitment(named) else f"item:{item}"
            if subject not in keys:
                keys[subject] = store.key_of(connection, subject, os.urandom(32))
            commitment, sealed = _sealed(keys[subject], canonical.encode(line[name]))
            kept.setdefault(subject, {})[commitment] = sealed
            out[name] = commitment
        return out

    made = [fields(line) for line in value] if isinstance(value, list) else fields(value)
    for subject, sealed in kept.items():
        store.keep(connection, subject, sealed)
    return made


def withheld(material: Material | None, posts: Callable[[], Collection[str]] | None) -> frozenset[str]:
    """The fields of a material that are not for whoever holds just these posts (``readers``). None: for all eyes.
    Source: R028, R152, R221."""
    if material is None or posts is None or not any(f.readers for f in material.fields.values()):
        return frozenset()
    held = set(posts())
    return frozenset(n for n, f in material.fields.items() if f.readers and not set(f.readers) & held)


def reveal(connection: Any, value: Any, withheld: Container[str] = ()) -> Any:
    """A document with its commitments opened; those whose subject was erased stay as they are, and the fields that are
    not for whoever reads (see ``withheld``)."""
    wanted = set(found(value, withheld))
    if not wanted:
        return value
    plain = {}
    for commitment, (sealed, key) in store.held(connection, wanted).items():
        opened = _unsealed(key, commitment, sealed)
        if opened is not None:  # not what was committed to: nothing is better than something made up
            plain[commitment] = canonical.decode(opened)
    return _opened(value, plain, withheld)


def found(value: Any, besides: Container[str] = ()) -> Iterator[str]:
    """Every commitment in a document, besides those of some fields."""
    if is_commitment(value):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in besides:
                yield from found(one, besides)
    elif isinstance(value, list):
        for one in value:
            yield from found(one, besides)


def committed(material: Material | None, value: Any) -> Iterator[str]:
    """The commitments in the personal fields of a document."""
    names = [name for name, spec in material.fields.items() if spec.personal] if material is not None else []
    for line in (value if isinstance(value, list) else [value]) if names else ():
        yield from (line[n] for n in names if is_commitment(line.get(n)))


def faults(connection: Any, contents: ContentStore | None, wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What does not fit between commitments and what is kept of them; nothing of the values themselves.

    Args:
        wanted: from each commitment of the papers to the entry that brought it first.

    Returns:
        Where, and what is wrong: something else is kept than was committed to, or a value went off the record.
    """
    for commitment, sealed, key in store.every(connection):
        if key is None or _unsealed(key, commitment, sealed) is None:
            yield commitment, "what is kept for it is not what was committed to"
    missing = wanted.keys() - store.held(connection, wanted).keys()
    gone = removals.removed(connection, contents) if missing and contents is not None else {}
    for commitment in sorted(missing - gone.keys()):
        yield (
            wanted[commitment],
            f"what stands for {commitment} is gone, and no entry says that it was erased or removed",
        )


def in_plain(material: Material, value: Any) -> bool:
    """Whether a personal value of a document is no commitment."""
    lines = value if isinstance(value, list) else [value]
    personal = [name for name, spec in material.fields.items() if spec.personal]
    return any(line.get(n) not in (None, "") and not is_commitment(line[n]) for line in lines for n in personal)


def unknown(connection: Any, value: Any, before: Any) -> list[str]:
    """The commitments of a document that stand for nothing here, and stood in no earlier paper of the item."""
    wanted = set(found(value)) - set(found(before))
    return sorted(wanted - store.held(connection, wanted).keys())


def kept(connection: Any, contents: ContentStore, subject: str) -> tuple[int, list[tuple[str, str, int]]]:
    """What an erasure would destroy: how many values, and where they stand: item, document and how many of them there,
    with every paper that was ever handed in. Nothing is changed."""
    from workflow.store import scan  # only an operator asks

    held = set(store.of(connection, subject))
    papers: dict[tuple[str, str], set[str]] = {}
    for chain, rows in scan.chains(connection) if held else ():
        for row in rows:
            for name, one in canonical.decode(row.body).get("act", {}).get("materials", {}).items():
                if contents.has(one):
                    papers.setdefault((chain, name), set()).update(
                        held & set(found(canonical.decode(contents.get(one))))
                    )
    return len(held), [(item, name, len(some)) for (item, name), some in sorted(papers.items()) if some]


def erase(
    connection: Any, signer: KeyProvider, contents: ContentStore, subject: str, *, by: str, reason: str, at: int
) -> Receipt:
    """Destroy a subject's key and what was sealed under it; the erasure is an entry of chain ``erasures``.

    The entry names the subject only where the organisation knows the person anyway; the commitments it erased lie in the
    content it cites.

    Raises:
        Unknown: nothing is kept of that subject.
    """
    gone = store.of(connection, subject)
    if not gone:
        raise Unknown(
            kind=Said("person with erasable data", "可删除个人信息的人员"),
            name=subject,
            hint=Said("; nothing personal is kept of them", ";本库未留存其个人信息"),
        )
    named = {"subject": subject} if store.is_person(connection, subject) else {}
    store.destroy(connection, subject)
    text = contents.put(canonical.encode(gone))
    act = {"kind": removals.ERASE, "text": text, "count": len(gone), "by": by, "reason": reason, **named}
    return sealing.append(connection, signer, removals.CHAIN, act, at)


def _sealed(key: bytes, plain: bytes) -> tuple[str, bytes]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    commitment = _commitment(key, plain)
    nonce = os.urandom(12)
    return commitment, nonce + AESGCM(key).encrypt(nonce, plain, commitment.encode())


def _commitment(key: bytes, plain: bytes) -> str:
    return PREFIX + hash_parts(_DOMAIN, hmac.new(key, plain, sha256).digest(), plain).hex()


def _unsealed(key: bytes, commitment: str, sealed: bytes) -> bytes | None:
    """What a commitment stands for; None where that is not what was committed to. Whoever holds the key could seal anything
    under any commitment, so the commitment is made again."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        plain = AESGCM(key).decrypt(sealed[:12], sealed[12:], commitment.encode())
    except (InvalidTag, ValueError):  # another key, other bytes, or no key at all
        return None
    return plain if _commitment(key, plain) == commitment else None


def _opened(value: Any, plain: Mapping[str, Any], besides: Container[str]) -> Any:
    if is_commitment(value):
        return plain.get(value, value)
    if isinstance(value, Mapping):
        return {k: v if k in besides else _opened(v, plain, besides) for k, v in value.items()}
    if isinstance(value, list):
        return [_opened(v, plain, besides) for v in value]
    return value
