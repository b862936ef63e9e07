"""What verifying costs: a campaign's entries read from SQLite, a bundle, canonical bytes; each beside its bare floor.

The history is written by the engine itself: reports of a campaign, each opened, handed in and signed four times.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from itertools import count
from statistics import median
from time import process_time
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.benchmarks import databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.floor import SORTED
from tests.benchmarks.measure import Result, alternate, costs, quartiles, timed
from tests.benchmarks.signing import UNITS
from tests.benchmarks.world import holder
from workflow import Engine, bundle
from workflow.evidence import canonical
from workflow.evidence.digest import pae
from workflow.evidence.entry import SEAL_TYPE, SealVerifier, entry_hash, parse_seal
from workflow.evidence.merkle import leaf_hash
from workflow.evidence.standalone import TOGETHER, Policy, Verifier
from workflow.store import database, scan
from workflow.verify import verify_database

ON: tuple[Kind, ...] = ("sqlite",)
CHAIN_GOAL, PARSED_GOAL, SIGNED_GOAL, ENCODE_GOAL = 3.5, 1.5, 1.25, 0.006
BUNDLED = 6_000  # entries of the campaign that is bundled whole; a unit of it has some 300
ENCODE_TURNS = 31


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    entries, turns = (BUNDLED, 3) if quick else (100_000, 3)
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, UNITS)
        with world.engine_on(url, home, durable=False) as engine:
            _history(engine, entries)
            key = engine.key.public_key()
            contents = engine.contents
            databases.settle(url)
            rows = _rows(url)
            made = [
                _bytes_only(rows, turns),
                _parsed(url, contents, rows, turns),
                _signed(rows, key, turns),
                _campaign(url, contents, rows, key, turns),
                _encoded(rows),
            ]
            if entries == BUNDLED:
                return made + _bundles(engine, turns)
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, UNITS)
        with world.engine_on(url, home, durable=False) as engine:
            _history(engine, BUNDLED)
            return made + _bundles(engine, turns)


def _history(engine: Engine, entries: int) -> None:
    numbers, written = count(), 0
    while written < entries:
        n = next(numbers)
        unit = f"b{n % UNITS + 1}"
        seen = world.prepared(engine, f"item-{n}", unit)
        third = f"t{(n % UNITS) // world.PER_THIRD + 1}"
        for by in (
            holder("handler", unit),
            holder("secretary", unit),
            holder("handler", third),
            holder("department", third),
        ):
            engine.sign(f"item-{n}", by, seen, opinion=world.OPINION)
        written += 6


def _rows(url: str) -> list[Any]:
    db = database.connect(url, read_only=True)
    try:
        with database.reading(db) as connection:
            return [(row.body, row.seal) for _, rows in scan.chains(connection) for row in rows]
    finally:
        db.dispose()


def _per(work: Any, rows: list[Any]) -> float:
    return timed(work) / len(rows)


def _bytes_only(rows: list[Any], turns: int) -> Result:
    from hashlib import sha256

    def ours() -> None:
        for body, seal in rows:
            entry_hash(body, seal)

    def floor() -> None:
        for body, _ in rows:
            sha256(body).digest()

    o, f = alternate(turns + 4, lambda: _per(ours, rows), lambda: _per(floor, rows))
    return costs("chain verify, bytes only", "none", o, f, CHAIN_GOAL, "beside one raw hash call an entry")


def _parsed(url: str, contents: Any, rows: list[Any], turns: int) -> Result:
    """V1 without the engine's signatures: parse, profile, chain, columns, fold, contents, on all cores."""
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode

    def ours() -> None:
        report = verify_database(url, contents, rules=False, seals=False)
        if not report.holds or report.entries != len(rows):
            raise AssertionError(f"{report.entries} of {len(rows)}: {[str(f) for f in report.failures[:3]]}")

    def floor() -> None:
        for body, _ in _rows(url):
            if encode(json.loads(body)).encode() != body:
                raise AssertionError("not the same bytes")

    o, f = alternate(turns, lambda: _per(ours, rows), lambda: _per(floor, rows))
    words = f"{len(rows):,} entries, {os.cpu_count()} cores; beside a plain loop that reads, parses and re-encodes them"
    return costs("V1 of a campaign: parse, profile, columns, fold", "sqlite", o, f, PARSED_GOAL, words)


def _raw_checks(rows: list[Any]) -> dict[bytes, bytes]:
    """Signature -> what it covers, of every entry that was sealed alone."""
    taken = [(body, parse_seal(seal)) for body, seal in rows]
    one = (1).to_bytes(4, "big")
    return {seal.signature: pae(SEAL_TYPE, leaf_hash(body) + one) for body, seal in taken if seal.size == 1}


def _campaign(url: str, contents: Any, rows: list[Any], key: bytes, turns: int) -> Result:
    """V2 from end to end, on all cores: all that V1 checks and every seal, beside the bare Ed25519 checks."""
    public, bare = Ed25519PublicKey.from_public_bytes(key), _raw_checks(rows)
    told: list[int] = []

    def ours() -> None:
        told.clear()
        report = verify_database(url, contents, lambda done, total: told.append(done), rules=False)
        if not report.holds or report.entries != len(rows):
            raise AssertionError(f"{report.entries} of {len(rows)}: {[str(f) for f in report.failures[:3]]}")

    def floor() -> None:
        for signature, covered in bare.items():
            public.verify(signature, covered)

    o, f = alternate(turns, lambda: _per(ours, rows), lambda: timed(floor) / len(bare))
    if told != sorted(told) or len(told) < len(rows) // 100:
        raise AssertionError(f"progress was told {len(told)} times")
    words = f"{len(rows):,} entries with V1, {os.cpu_count()} cores; beside {len(bare):,} raw Ed25519 checks"
    return costs("V2 of a campaign, from the database", "sqlite", o, f, SIGNED_GOAL, words)


def _signed(rows: list[Any], key: bytes, turns: int) -> Result:
    """V2: every seal, beside the bare Ed25519 checks."""
    public = Ed25519PublicKey.from_public_bytes(key)
    some = rows[: min(len(rows), 20_000)]
    bare = _raw_checks(some)

    def ours() -> None:
        verifier = SealVerifier(lambda _: public)
        for body, seal in some:
            verifier.verify(body, seal)

    def floor() -> None:
        for signature, covered in bare.items():
            public.verify(signature, covered)

    o, f = alternate(turns, lambda: _per(ours, some), lambda: timed(floor) / max(len(bare), 1))
    return costs("V2: every seal", "none", o, f, SIGNED_GOAL, f"beside {len(bare):,} raw Ed25519 checks")


def _bundles(engine: Engine, turns: int) -> list[Result]:
    """A bundle so small that one process reads it alone, and one whose signatures another process checks meanwhile."""
    return [_bundle(engine, "unit", "b1", turns + 6), _bundle(engine, "campaign", "campaign-1", turns + 2)]


def _bundle(engine: Engine, of: bundle.Kind, name: str, turns: int) -> Result:
    """The stand-alone verifier on a bundle, beside as many bare Ed25519 checks as it has entries, each sealed alone."""
    out, key = io.BytesIO(), engine.key.public_key()
    with engine.reading() as connection:
        made = bundle.write(connection, engine.contents, out, of, name, made_at=0)
    policy = Policy.read(json.dumps({"origin": engine.origin, "engine_keys": [{"key": key.hex()}]}).encode())
    public = Ed25519PublicKey.from_public_bytes(key)
    data = out.getvalue()
    signature = engine.key.sign(b"x")

    def ours() -> None:
        if Verifier(policy).run(io.BytesIO(data)).level != "V2":
            raise AssertionError("the bundle does not hold")

    def floor() -> None:
        for _ in range(made.entries):
            public.verify(signature, b"x")

    o, f = alternate(turns, lambda: timed(ours) / made.entries, lambda: timed(floor) / made.entries)
    cores = 1 if made.entries < TOGETHER else 2
    words = f"{made.entries:,} entries, {cores} process{'es' * (cores > 1)}; beside raw Ed25519 checks"
    return costs(f"bundle verify of a {of}, stand-alone", "none", o, f, SIGNED_GOAL, words)


def _encoded(rows: list[Any]) -> Result:
    """Of one process, in its own processor time: what others do on the machine meanwhile is not counted."""
    bodies = [canonical.read(body) for body, _ in rows[:4_000] if 900 < len(body) < 1_300] or [
        canonical.read(rows[0][0])
    ]

    def each(work: Callable[[Any], bytes]) -> float:
        began = process_time()
        for body in bodies:
            work(body)
        return (process_time() - began) / len(bodies) * 1000

    found, bare = alternate(
        ENCODE_TURNS, lambda: each(canonical.encode), lambda: each(lambda body: orjson.dumps(body, option=SORTED))
    )
    low, high = quartiles(found)
    aside = f"{median(bare) * 1000:.1f} us of it write the JSON; processor time"
    name = "canonical encode + profile check, 1 KB"
    return Result(name, "none", "ms", median(found), None, None, low, high, ENCODE_GOAL, False, aside)
