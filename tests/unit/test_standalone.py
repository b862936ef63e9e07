"""The one-file verifier by itself: its bytes, proofs, policy, limits, words and exit codes."""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import io
import json
import re
import subprocess
import sys
import tokenize
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.authorities import CA, STAMPS, der, pem
from workflow import bundle
from workflow.errors import NotCanonical, TooLarge
from workflow.evidence import canonical, merkle, standalone
from workflow.evidence.checkpoint import COSIGNATURE, SIGNATURE, NoteKey, cosign, sign
from workflow.evidence.checkpoint import Checkpoint as Made
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import key_id_of
from workflow.evidence.standalone import Bad, Checkpoint, Policy, Tree, Unusable, Verifier

SOURCE = Path(standalone.__file__)
ORIGIN = "example.org/log"


class Held:
    def __init__(self, seed: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())

    def key_id(self) -> bytes:
        return key_id_of(self.public_key())

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()


ENGINE, LOG, WITNESS, OTHER = Held("engine"), Held("log"), Held("witness"), Held("other")
POLICY: dict[str, Any] = {"origin": ORIGIN, "engine_keys": [{"key": ENGINE.public_key().hex()}]}


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def entries_of(chain: str, count: int, key: Any = ENGINE, batch: int = 1) -> list[tuple[bytes, bytes]]:
    """So many entries of a log of views, sealed alone."""
    made: list[tuple[bytes, bytes]] = []
    prev = b""
    for seq in range(1, count + 1):
        act = {"kind": "view", "item": chain.removeprefix("view:"), "seen": "sha256:" + "0" * 64, "text": ""}
        body = canonical.encode({"v": 1, "chain": chain, "seq": seq, "prev": prev.hex(), "at": 1000 + seq, "act": act})
        (seal,) = seal_entries([body], key)
        prev = entry_hash(body, seal)
        made.append((body, seal))
    return made


def lines_of(chains: dict[str, list[tuple[bytes, bytes]]], **header: Any) -> list[dict[str, Any]]:
    first = {"t": "header", "format": "wfproof/1", "origin": ORIGIN, "made_at": 1, "chains": sorted(chains)}
    lines = [first | {"what": {"kind": "item", "name": "x"}} | header]
    for chain, entries in chains.items():
        for seq, (body, seal) in enumerate(entries, 1):
            lines.append({"t": "entry", "chain": chain, "seq": seq, "body": text64(body), "seal": text64(seal)})
    for chain, entries in chains.items():
        if entries:
            hash_ = entry_hash(*entries[-1]).hex()
            lines.append({"t": "head", "chain": chain, "seq": len(entries), "hash": hash_})
    return lines


def file_of(lines: list[dict[str, Any]]) -> bytes:
    out = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
    end = {"t": "end", "lines": len(lines) + 1, "digest": "sha256:" + hashlib.sha256(out).hexdigest()}
    return out + json.dumps(end).encode() + b"\n"


def policy(**more: Any) -> Policy:
    return Policy.read(json.dumps(POLICY | more).encode())


def run(lines: list[dict[str, Any]], with_policy: Policy | None = None, own: Checkpoint | None = None) -> Any:
    return Verifier(with_policy or Policy(), own).run(io.BytesIO(file_of(lines)))


def codes(report: Any) -> set[str]:
    return {code for code, _, _ in report.failures}


# --- what it is ---------------------------------------------------------------------------------------------------------


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    tree = ast.parse(SOURCE.read_text())
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_writes_nothing_and_opens_no_connection() -> None:
    tree = ast.parse(SOURCE.read_text())
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert names.isdisjoint(
        {"socket", "urllib.request", "http.client", "subprocess", "shutil", "tempfile", "os", "pickle"}
    )
    opens = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "open"]
    assert opens and all(ast.literal_eval(n.args[1]) == "rb" for n in opens)


def test_it_says_how_long_its_parts_are() -> None:
    """Lines with code, to some ten: without docstrings, comments and blank lines."""
    source = SOURCE.read_text()
    tree, code = ast.parse(source), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.string.strip() and token.type not in (tokenize.COMMENT, tokenize.NEWLINE, tokenize.NL):
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            code -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    starts = [n for n, line in enumerate(source.splitlines(), 1) if re.match(r"# I+\. ", line)]
    lengths = [sum(a < n < b for n in code) for a, b in pairwise([*starts, len(source)])]
    said = [int(n) for n in re.findall(r"(?:its\n|second, |third, )(\d+)", ast.get_docstring(tree) or "")]
    assert len(said) == 3 and all(abs(n - told) <= 5 for n, told in zip(lengths, said, strict=True)), lengths


def test_it_runs_as_one_file_without_the_package(tmp_path: Path) -> None:
    alone = tmp_path / "standalone.py"
    alone.write_bytes(SOURCE.read_bytes())
    (tmp_path / "x.wfproof").write_bytes(file_of(lines_of({"view:x": entries_of("view:x", 2)})))
    (tmp_path / "p.json").write_text(json.dumps(POLICY))
    arguments = ["verify", "x.wfproof", "--policy", "p.json", "--require", "V2", "--json"]
    done = subprocess.run([sys.executable, "-I", alone, *arguments], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    assert (told["result"], told["level"], told["entries"], told["rules"]) == ("holds", "V2", 2, "not checked")


# --- canonical bytes ----------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
ODD = [
    b"", b" ", b"1 ", b"[1, 2]", b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"-0", b"1.0", b"1e3", b"NaN", b"Infinity", b"01",
    b'"\\u0041"', b'"\\u4e2d"', b'"\\ud800"', b'"\\/"', b'"\t"', b'"\\u001F"', b'"\\u001f"', b'"\\n"', b"\xff", b'"\x7f"',
    b"9007199254740991", b"9007199254740992", b"-9007199254740991", b"-9007199254740992", b"9" * 5000,
    '"é"'.encode(), '"e\u0301"'.encode(), '"\u0301"'.encode(), '{"é":1}'.encode(), '{"a":"é\\":"}'.encode(),
    '{"a":"b\\"","é":1}'.encode(), '["é","a:"]'.encode(), '{"a\\"é\\"b":1}'.encode(), '"\\n\u0301"'.encode(),
    b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b"[" * 5000 + b"]" * 5000, b'{"a":' * 40 + b"1" + b"}" * 40,
    b"[[],[],[[]]]", b"[" + b"{}," * 100 + b"{}]", b"true", b"nul", b"{}{}", b'"\\u0000"',
]  # fmt: skip


def accepted(data: bytes) -> tuple[bool, bool]:
    try:
        mine = (True, standalone.parse(data, standalone.BODY_LIMIT))
    except Bad:
        mine = (False, None)
    try:
        theirs = (True, canonical.decode(data))
    except (NotCanonical, TooLarge):
        theirs = (False, None)
    assert mine == theirs
    return mine[0], theirs[0]


@pytest.mark.parametrize("data", ODD, ids=lambda d: repr(d[:24]))
def test_it_takes_as_canonical_exactly_what_the_engine_does(data: bytes) -> None:
    accepted(data)


@given(VALUES)
def test_it_takes_every_value_as_the_engine_does(value: Any) -> None:
    accepted(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="replace"))


@given(st.binary(max_size=60))
def test_it_takes_any_bytes_as_the_engine_does(data: bytes) -> None:
    accepted(data)


def test_canonical_bytes_beyond_the_limit_are_not_parsed() -> None:
    assert standalone.parse(b'"aa"', 4) == "aa"
    with pytest.raises(Bad) as refused:
        standalone.parse(b'"aa"', 3)
    assert refused.value.code == "size"
    with pytest.raises(Bad) as refused:
        standalone.parse(b"[" * 65 + b"]" * 65, 1000)
    assert refused.value.code == "size"


def test_its_limits_are_those_of_the_engine_and_of_the_format() -> None:
    assert (standalone.BODY_LIMIT, standalone.DEPTH_LIMIT) == (canonical.SIZE_LIMIT, canonical.DEPTH_LIMIT)
    assert (standalone.LINE_LIMIT, standalone.FORMAT) == (bundle.LINE_LIMIT, bundle.FORMAT)
    assert " ".join(standalone.LEVELS) == "V0 V1 V2 V3 V4 V5"
    assert (standalone.FILE_LIMIT, standalone.NOTE_LIMIT, standalone.POLICY_LIMIT) == (2**32, 2**16, 2**24)


def test_its_hashes_are_those_of_the_engine() -> None:
    assert standalone.entry_hash(b"body", b"seal") == entry_hash(b"body", b"seal")
    assert standalone.digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert standalone.digest(b"abc", "sm3") == "sm3:66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


# --- Merkle proofs ------------------------------------------------------------------------------------------------------

# Source: the test vectors of certificate-transparency-go for RFC 6962 trees.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
TREE = Tree()
LEAVES = [TREE.leaf(bytes.fromhex(text)) for text in INPUTS]


@pytest.mark.parametrize("size", range(1, 9))
def test_paths_lead_to_the_published_roots_and_nowhere_else(size: int) -> None:
    root = bytes.fromhex(ROOTS[size - 1])
    for index in range(size):
        path = merkle.inclusion_path(index, LEAVES[:size])
        assert TREE.root_from(index, size, LEAVES[index], path) == root
        for wrong in [[*path, bytes(32)], path[:-1] if path else [bytes(32)]]:
            with pytest.raises(ValueError, match="path"):
                TREE.root_from(index, size, LEAVES[index], wrong)
        for other in set(range(size)) - {index}:
            with contextlib.suppress(ValueError):
                assert TREE.root_from(other, size, LEAVES[index], path) != root


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0), (5, 5)])
def test_a_place_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="index"):
        TREE.root_from(index, size, LEAVES[0], [])


@pytest.mark.parametrize("n", range(1, 9))
def test_consistency_holds_between_the_published_roots_and_nowhere_else(n: int) -> None:
    roots = [bytes.fromhex(text) for text in ROOTS]
    for m in range(1, n + 1):
        path = merkle.consistency_path(m, LEAVES[:n])
        assert TREE.consistent(m, n, roots[m - 1], roots[n - 1], path)
        assert not TREE.consistent(m, n, roots[m - 1], roots[n - 1], [*path, bytes(32)])
        assert not TREE.consistent(m, n, bytes(32), roots[n - 1], path)
        assert not TREE.consistent(m, n, roots[m - 1], bytes(32), path)
        if m < n:
            assert not TREE.consistent(n, m, roots[n - 1], roots[m - 1], path)
            assert not TREE.consistent(m, n, roots[m - 1], roots[n - 1], path[:-1])
            assert not TREE.consistent(0, n, roots[m - 1], roots[n - 1], path)
            for place in range(len(path)):
                changed = [*path[:place], bytes(32), *path[place + 1 :]]
                assert not TREE.consistent(m, n, roots[m - 1], roots[n - 1], changed)


def test_a_tree_may_be_by_sm3() -> None:
    new = merkle.hash_function("sm3")
    leaves = [merkle.leaf_hash(bytes([n]), new) for n in range(5)]
    tree = Tree("sm3")
    assert tree.leaf(b"\x03") == leaves[3]
    path = merkle.inclusion_path(3, leaves, new)
    assert tree.root_from(3, 5, leaves[3], path) == merkle.root(leaves, new)


# --- checkpoints --------------------------------------------------------------------------------------------------------


WEAK = "01" + "00" * 31  # a point of small order: under it anybody signs


def _longer(key: NoteKey) -> str:
    """A note key with a byte too much, and the label of just that."""
    data = bytes([key.kind]) + key.public + b"x"
    label = hashlib.sha256(key.name.encode() + b"\n" + data).hexdigest()[:8]
    return f"{key.name}+{label}+{text64(data)}"


LOG_KEY = NoteKey(ORIGIN, SIGNATURE, LOG.public_key())
WITNESS_KEY = NoteKey("w.example", COSIGNATURE, WITNESS.public_key())
BODY = Made(ORIGIN, 7, bytes(32), ("epoch 1 sha256",)).text
NOTE = f"{BODY}\n{sign(BODY, ORIGIN, LOG)}{cosign(BODY, 'w.example', WITNESS, 5)}"


def test_a_checkpoint_is_read_with_its_signature_and_cosignature() -> None:
    read = Checkpoint.read(NOTE)
    assert (read.origin, read.size, read.root) == (ORIGIN, 7, bytes(32))
    assert read.by([(ORIGIN, LOG.public_key())])
    assert len(read.by([("w.example", WITNESS.public_key())], standalone.COSIGNS)) == 1


def test_a_checkpoint_is_not_signed_by_anybody_else_or_for_anything_else() -> None:
    read = Checkpoint.read(NOTE)
    assert not read.by([(ORIGIN, OTHER.public_key())]) and not read.by([("x", LOG.public_key())]) and not read.by([])
    assert len(read.by([("w.example", OTHER.public_key())], standalone.COSIGNS)) == 0
    assert len(read.by([("x", WITNESS.public_key())], standalone.COSIGNS)) == 0
    assert not read.by([("w.example", WITNESS.public_key())])
    assert len(read.by([(ORIGIN, LOG.public_key())], standalone.COSIGNS)) == 0
    other = Checkpoint.read(NOTE.replace("\n7\n", "\n8\n"))
    assert not other.by([(ORIGIN, LOG.public_key())])
    assert len(other.by([("w.example", WITNESS.public_key())], standalone.COSIGNS)) == 0


def test_one_witness_with_two_names_counts_once() -> None:
    note = f"{NOTE}{cosign(BODY, 'v.example', WITNESS, 6)}"
    both = [("w.example", WITNESS.public_key()), ("v.example", WITNESS.public_key())]
    assert len(Checkpoint.read(note).by(both, standalone.COSIGNS)) == 1


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        NOTE[:-1],
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\n7\n", "\n07\n"),
        NOTE.replace("\n7\n", "\n-7\n"),
        NOTE.replace("\n7\n", "\n7 \n"),
        NOTE.replace("\n7\n", "\n" + "7" * 19 + "\n"),
        NOTE.replace("AAAA=\n", "\n"),
        NOTE.replace(text64(bytes(32)), text64(bytes(31))),
        NOTE.replace("\u2014", "-"),
        NOTE.replace("w.example", "w example"),
        NOTE + "x\n",
        NOTE[len(ORIGIN) :],
        "a\n1\n\n\u2014 x AAAA\n",
        NOTE + "\u2014 x AAAA\n" * 100_000,
    ],
    ids=range(16),
)
def test_what_is_no_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Checkpoint.read(note)


# --- policy -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '"x"',
        '{"quorom": 1}',
        '{"given": true}',
        '{"origin": 1}',
        '{"engine_keys": ["00"]}',
        '{"engine_keys": [{"key": "00"}]}',
        '{"engine_keys": {}, "origin": 7}',
        json.dumps({"engine_keys": POLICY["engine_keys"]}),
        json.dumps({"origin": "x", "engine_keys": [POLICY["engine_keys"][0] | {"before": "1"}]}),
        json.dumps({"origin": "x", "engine_keys": [POLICY["engine_keys"][0] | {"untill": 1}]}),
        '{"checkpoint_keys": ["x"]}',
        json.dumps({"checkpoint_keys": [str(WITNESS_KEY)]}),
        json.dumps({"checkpoint_keys": [str(LOG_KEY).replace(LOG_KEY.key_id.hex(), "00000000")]}),
        json.dumps({"witnesses": [str(LOG_KEY)]}),
        json.dumps({"witnesses": [str(WITNESS_KEY)], "quorum": 2}),
        json.dumps({"witnesses": [str(WITNESS_KEY), str(WITNESS_KEY)], "quorum": 2}),
        '{"quorum": -1}',
        '{"quorum": true}',
        json.dumps({"witnesses": [str(WITNESS_KEY)], "quorum": 1.0}),
        json.dumps({"witnesses": [_longer(WITNESS_KEY)]}),
        '{"strength": "S7"}',
        '{"digests": ["md5"]}',
        '{"log_hash": "md5"}',
        '{"signers": {"p": ["00"]}}',
        '{"signers": []}',
        "[" * 100_000,
        '{"strength": "S2", "strength": "S0"}',
        json.dumps({"authorities": [pem(CA.certificate)]}),
        json.dumps({"timestamps": [pem(CA.certificate)]}),
        json.dumps({"authorities": [pem(STAMPS.certificate)], "timestamps": [pem(CA.certificate)]}),
        json.dumps({"authorities": ["3000"], "timestamps": [pem(CA.certificate)]}),
        json.dumps({"authorities": ["zz"], "timestamps": [pem(CA.certificate)]}),
        json.dumps({"authorities": [7], "timestamps": [pem(CA.certificate)]}),
        json.dumps({"authorities": [pem(CA.certificate)], "timestamps": ["-----BEGIN CERTIFICATE-----"]}),
        json.dumps({"names": {"p": 7}}),
        json.dumps({"names": ["p"]}),
        json.dumps({"origin": "x", "engine_keys": [{"key": WEAK}]}),
        json.dumps({"signers": {"p": [WEAK]}}),
        json.dumps({"checkpoint_keys": [str(NoteKey(ORIGIN, 1, bytes.fromhex(WEAK)))]}),
        json.dumps({"witnesses": [str(NoteKey("w.example", 4, bytes.fromhex(WEAK)))]}),
    ],
    ids=range(43),
)
def test_a_policy_that_is_not_understood_whole_is_refused(text: str) -> None:
    with pytest.raises(Unusable):
        Policy.read(text.encode())


def test_a_policy_is_read_whole() -> None:
    read = policy(
        checkpoint_keys=[str(LOG_KEY)],
        witnesses=[str(WITNESS_KEY)],
        quorum=1,
        signers={"p": [OTHER.public_key().hex()]},
        authorities=[pem(CA.certificate), der(STAMPS.root.certificate).hex()],
        timestamps=[pem(STAMPS.certificate)],
        names={"p": "another"},
        strength="S1",
        digests=["sm3"],
        log_hash="sm3",
        log="example.org/log/2",
    )
    assert read.engine_keys == {ENGINE.key_id(): (ENGINE.public_key(), None)}
    assert read.checkpoint_keys == [(ORIGIN, LOG.public_key())]
    assert (read.witnesses, read.quorum) == ([("w.example", WITNESS.public_key())], 1)
    assert (read.signers, read.strength) == ({"p": {OTHER.public_key()}}, "S1")
    assert read.authorities == (der(CA.certificate), der(STAMPS.root.certificate))
    assert (read.timestamps, read.names) == ((der(STAMPS.certificate),), {"p": "another"})
    assert (read.digests, read.log_hash, read.origin, read.log) == (("sm3",), "sm3", ORIGIN, "example.org/log/2")
    assert policy().log == ORIGIN and read.given and not Policy().given


def test_what_a_policy_does_not_say_is_not_trusted() -> None:
    read = Policy.read(b"{}")
    assert not (read.engine_keys or read.checkpoint_keys or read.witnesses or read.signers or read.quorum or read.wet)
    assert (read.strength, read.digests, read.log_hash, read.log) == ("S0", ("sha256",), "sha256", "")
    assert Policy.read("\ufeff{}".encode()) == read  # as some editors begin a file


# --- levels on a small bundle -------------------------------------------------------------------------------------------

SMALL = {"view:x": entries_of("view:x", 3)}


def test_without_a_policy_v1_is_reached_and_what_is_unchecked_is_said() -> None:
    report = run(lines_of(SMALL))
    assert (report.level, report.failures, report.exit_code) == ("V1", [], 0)
    assert {"rules", "no-policy", "no-log"} == set(report.unchecked)


def test_without_engine_keys_a_policy_reaches_v1() -> None:
    report = run(lines_of(SMALL), Policy.read(b'{"origin": "example.org/log"}'))
    assert (report.level, "no-engine-keys" in report.unchecked) == ("V1", True)


def test_with_the_engines_key_v2_is_reached() -> None:
    assert run(lines_of(SMALL), policy()).level == "V2"


def test_a_key_of_the_bundle_changes_nothing() -> None:
    lines = lines_of({"view:x": entries_of("view:x", 2, OTHER)})
    lines.insert(1, {"t": "key", "role": "engine", "id": OTHER.key_id().hex(), "public": OTHER.public_key().hex()})
    assert (run(lines).level, codes(run(lines, policy()))) == ("V1", {"seal"})


def test_another_origin_is_refused_by_the_policy() -> None:
    assert codes(run(lines_of(SMALL, origin="other"), policy())) == {"origin"}


def logged(lines: list[dict[str, Any]], size: int, key: Any = LOG) -> list[dict[str, Any]]:
    """The first ``size`` entries in a log of that size, beside foreign ones."""
    entries = [line for line in lines if line["t"] == "entry"][:size]
    hashes = [entry_hash(base64.b64decode(e["body"]), base64.b64decode(e["seal"])) for e in entries]
    root, paths = merkle.paths([merkle.leaf_hash(h) for h in hashes])
    for n, line in enumerate(entries):
        line |= {"index": n, "path": text64(b"".join(paths[n]))}
    text = Made(ORIGIN, size, root).text
    lines.insert(1, {"t": "checkpoint", "note": f"{text}\n{sign(text, ORIGIN, key)}"})
    return lines


def own_of(lines: list[dict[str, Any]], *cosigners: tuple[str, Held]) -> Checkpoint:
    note = next(line["note"] for line in lines if line["t"] == "checkpoint")
    text = note.rpartition("\n\n")[0] + "\n"
    return Checkpoint.read(note + "".join(str(cosign(text, name, key, 9)) for name, key in cosigners))


ANCHOR = {"checkpoint_keys": [str(LOG_KEY)], "witnesses": [str(WITNESS_KEY)], "quorum": 1}


def test_a_checkpoint_of_the_verifier_reaches_v3_and_a_cosigned_one_v4() -> None:
    lines = logged(lines_of(SMALL), 3)
    assert run(lines, policy(**ANCHOR)).level == "V2"
    report = run(lines, policy(**ANCHOR), own_of(lines))
    assert (report.level, report.anchored, "no-quorum" in report.unchecked) == ("V3", 3, True)
    report = run(lines, policy(**ANCHOR), own_of(lines, ("w.example", WITNESS)))
    assert (report.level, "no-heads" in report.unchecked) == ("V4", True)
    none = policy(**{**ANCHOR, "quorum": 0})
    assert run(lines, none, own_of(lines, ("w.example", WITNESS))).level == "V3"


def test_an_entry_outside_the_checkpoint_is_the_unanchored_tail() -> None:
    lines = logged(lines_of(SMALL), 2)
    report = run(lines, policy(**ANCHOR), own_of(lines, ("w.example", WITNESS)))
    assert (report.level, report.anchored, report.unchecked["tail"]) == ("V2", 2, 1)


def test_an_older_checkpoint_of_the_verifier_anchors_what_it_covers_and_no_more() -> None:
    own = own_of(logged(lines_of({"view:x": entries_of("view:x", 2)}), 2))
    lines = logged(lines_of(SMALL), 3)
    leaves = [merkle.leaf_hash(entry_hash(*pair)) for pair in SMALL["view:x"]]
    path = text64(b"".join(merkle.consistency_path(2, leaves)))
    assert "no-consistency" in run(lines, policy(**ANCHOR), own).unchecked
    report = run(
        [*lines[:2], {"t": "consistency", "from": 2, "to": 3, "path": path}, *lines[2:]], policy(**ANCHOR), own
    )
    assert (report.failures, report.level, report.anchored, report.unchecked["tail"]) == ([], "V2", 2, 1)
    report = run([*lines[:2], {"t": "consistency", "from": 2, "to": 3, "path": ""}, *lines[2:]], policy(**ANCHOR), own)
    assert (codes(report), report.exit_code) == ({"fork"}, 1)


def test_a_newer_checkpoint_of_the_verifier_asks_for_a_newer_bundle() -> None:
    own = own_of(logged(lines_of(SMALL), 3))
    report = run(logged(lines_of({"view:x": entries_of("view:x", 2)}), 2), policy(**ANCHOR), own)
    assert (report.level, report.anchored, "older" in report.unchecked) == ("V2", 0, True)


@pytest.mark.parametrize("header", [{"made_at": "1"}, {"format": "wfproof/2"}, {"what": {"kind": 1}}])
def test_a_header_of_another_form_is_refused(header: dict[str, Any]) -> None:
    assert "format" in codes(run(lines_of(SMALL, **header)))


def test_a_checkpoint_signed_by_another_key_is_refused() -> None:
    assert codes(run(logged(lines_of(SMALL), 3, OTHER), policy(**ANCHOR))) == {"checkpoint"}


def test_without_checkpoint_keys_a_checkpoint_is_no_anchor() -> None:
    lines = logged(lines_of(SMALL), 3)
    report = run(lines, policy(), own_of(lines))
    assert (report.level, report.anchored, "no-checkpoint" in report.unchecked) == ("V2", 0, True)


@pytest.mark.parametrize(("before", "holds"), [(4, True), (3, True), (2, False), (0, False)])
def test_a_key_counts_only_below_its_index(before: int, holds: bool) -> None:
    lines = logged(lines_of(SMALL), 3)
    report = run(lines, policy(engine_keys=[POLICY["engine_keys"][0] | {"before": before}]))
    assert (codes(report) == set(), codes(report) <= {"key-position"}) == (holds, True)


def test_a_key_that_counts_below_an_index_does_not_count_outside_the_log() -> None:
    report = run(lines_of(SMALL), policy(engine_keys=[POLICY["engine_keys"][0] | {"before": 100}]))
    assert codes(report) == {"key-position"}


def test_entries_sealed_together_cost_one_signature_check(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [
        canonical.encode(
            {"v": 1, "chain": f"view:{n}", "seq": 1, "prev": "", "at": n, "act": {"kind": "view", "item": f"{n}"}}
        )
        for n in range(5)
    ]
    chains = {f"view:{n}": [pair] for n, pair in enumerate(zip(bodies, seal_entries(bodies, ENGINE), strict=True))}
    checks: list[bytes] = []
    real = standalone.signed_by
    monkeypatch.setattr(standalone, "signed_by", lambda k, s, d: checks.append(s) or real(k, s, d))
    assert run(lines_of(chains), policy()).level == "V2"
    assert len(checks) == 1


def test_nothing_is_never_a_success() -> None:
    report = run(lines_of({}))
    assert (report.level, report.exit_code, codes(report)) == ("V0", 2, {"empty"})


def test_what_is_told_of_a_failure_is_short_however_long_what_failed_is() -> None:
    lines = lines_of({"view:x": entries_of("view:x", 2)}, origin="o" * 9_000)
    lines[0]["chains"] += ["y" * 9_000]
    report = run(lines, policy())
    assert codes(report) == {"origin", "chain"}
    longest = [max(len(failure[part]) for failure in report.failures) for part in (1, 2)]
    assert longest == [standalone.TOLD, standalone.TOLD] == [500, 500]


def test_every_failure_is_counted_and_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "FAILURES_KEPT", 2)
    lines = lines_of(SMALL)
    for line in lines:
        if line["t"] == "entry":
            line["seal"] = ""
    report = run(lines, policy())
    assert len(report.failures) == 2 < report.failed
    assert f": {report.failed - 2}" in standalone.as_text(report, "en")


@pytest.mark.parametrize("name", ["LINE_LIMIT", "FILE_LIMIT", "BODY_LIMIT"])
def test_sizes_are_limited(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, name, 100)
    assert "size" in codes(run(lines_of(SMALL)))


def test_a_bundle_may_be_as_large_as_the_limit_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_of(SMALL)
    monkeypatch.setattr(standalone, "FILE_LIMIT", len(file_of(lines)))
    assert run(lines, policy()).failures == []
    monkeypatch.setattr(standalone, "FILE_LIMIT", len(file_of(lines)) - 1)
    assert codes(run(lines, policy())) >= {"size"}


def test_what_is_no_bundle_at_all_is_told_too() -> None:
    report = Verifier(Policy()).run(io.BytesIO(b""))
    assert json.loads(standalone.as_json(report))["origin"] == "" and "V0" in standalone.as_text(report, "en")


def test_an_act_of_the_engine_stands_in_a_chain_of_its_own_and_in_no_other() -> None:
    assert codes(run(lines_of({"view:x": entries_of("view:x", 1)}), policy())) == set()
    report = run(lines_of({"x": entries_of("x", 1)}), policy())
    assert (codes(report), report.failed) == ({"act"}, 1)


def test_a_document_by_an_algorithm_outside_the_policy_is_refused() -> None:
    lines = lines_of(SMALL)
    lines.append({"t": "content", "digest": standalone.digest(b"x", "sm3"), "body": text64(b"x")})
    assert codes(run(lines)) == {"algorithm"}
    assert codes(run(lines, policy(digests=["sha256", "sm3"]))) == set()


def test_an_act_of_an_unknown_kind_is_checked_as_far_as_its_seal_and_that_is_said() -> None:
    body = canonical.encode({"v": 1, "chain": "erasures", "seq": 1, "prev": "", "at": 1, "act": {"kind": "erase"}})
    report = run(lines_of({"erasures": [(body, seal_entries([body], ENGINE)[0])]}), policy())
    assert (report.level, report.unchecked["seal-only"]) == ("V2", 1)


# --- what entries add up to ---------------------------------------------------------------------------------------------


def begun(**slots: tuple[str, int]) -> standalone.Case:
    """An item in its first stage with a sheet, a list of two lines, and places of these states and numbers."""
    case = standalone.Case()
    case.apply({"e": "opened", "item": "x", "definition": "d1", "form": 2}, 1)
    laid = [{"key": key, "state": "open", "post": "p", "unit": "u", "level": "l"} for key in slots]
    case.apply({"e": "entered", "stage": "work", "slots": laid}, 1)
    figures = {"sheet": {"count": 3, "words": "w"}, "list": {"lines": 2, "links": "sha256:l"}}
    case.apply({"e": "submitted", "materials": {"sheet": "s1", "list": "l1"}, "figures": figures, "outcome": "done"}, 2)
    for key, (state, seq) in slots.items():
        if state == "signed":
            case.apply({"e": "signed", "slot": key}, seq)
    return case


def test_the_next_round_keeps_its_lists_and_a_vote_held_again_goes_without_its_sheet() -> None:
    case = begun()
    assert case.shown["lists"] == {"list": {"lines": 2, "open": 2, "closings": "", "links": "sha256:l"}}
    assert case.shown["figures"] == {"sheet": {"count": 3}, "list": {}}
    case.apply({"e": "line-closed", "list": "list", "no": 1, "evidence": "e"}, 3)
    assert (case.shown["lists"]["list"]["open"], case.shown["lists"]["list"]["closings"][:7]) == (1, "sha256:")
    kept = case.shown["lists"]["list"]["closings"]
    case.apply({"e": "submitted", "materials": {"list": "l2"}, "figures": {"list": {"lines": 3, "closed": [1]}}}, 4)
    assert case.shown["lists"]["list"] == {"lines": 3, "open": 2, "closings": kept}
    case.apply({"e": "entered", "stage": "work", "without": ["sheet"], "slots": []}, 5)
    assert (case.shown["materials"], case.shown["figures"], case.shown["stay"]) == ({"list": "l2"}, {"list": {}}, 2)
    case.apply({"e": "submitted", "materials": {"sheet": "s2"}, "figures": {"sheet": {"count": 4}}}, 6)
    case.apply({"e": "entered", "stage": "work", "round": 2, "slots": []}, 7)
    assert (case.shown["materials"], case.shown["figures"], case.shown["round"]) == ({"list": "l2"}, {"list": {}}, 2)
    assert (case.shown["outcome"], case.shown["stage"], case.shown["relies"]) == ("", "work", [])


def test_figures_are_part_of_the_content_from_form_2_on() -> None:
    first, second = begun(), begun()
    second.shown["figures"] = {}
    assert first.content() != second.content()
    for case in (first, second):
        case.form, case.digest = 1, ""
    assert first.content() == second.content()
    first.apply({"e": "lead-named", "role": "lead", "person": "p", "post": "q", "unit": "u"}, 3)
    assert first.content() != second.content()


def test_a_migration_goes_on_from_the_items_definition_and_drops_no_signature() -> None:
    case = begun(a=("signed", 3), b=("open", 0))
    slot = {"key": "a", "state": "signed", "seq": 3, "post": "p", "unit": "u", "level": "l"}
    with pytest.raises(Bad, match="another definition"):
        case.apply({"e": "migrated", "from": "d0", "to": "d2"}, 4)
    with pytest.raises(Bad, match="dropped"):
        case.apply({"e": "migrated", "from": "d1", "to": "d2", "slots": []}, 4)
    case = begun(a=("signed", 3), b=("open", 0))
    case.apply({"e": "migrated", "from": "d1", "to": "d2"}, 4)
    assert (case.definition, case.shown["stage"], list(case.slots)) == ("d2", "work", ["a", "b"])
    case.apply({"e": "migrated", "from": "d2", "to": "d3", "stage": "later", "slots": [slot]}, 5)
    assert (case.definition, case.shown["stage"], list(case.signed())) == ("d3", "later", ["a"])


def test_only_a_signature_signs_a_place() -> None:
    case = begun(a=("signed", 3), b=("open", 0))
    signed = {"key": "b", "state": "signed", "seq": 3, "post": "p", "unit": "u", "level": "l"}
    for kind in ("moved", "transferred", "signer-added", "signer-removed", "entered"):
        with pytest.raises(Bad, match="signed by nobody"):
            case.apply({"e": kind, "stage": "work", "slots": [signed]}, 4)
    case = begun(a=("signed", 3), b=("open", 0))
    with pytest.raises(Bad, match="signed by nobody"):
        case.apply({"e": "moved", "slots": [{**signed, "key": "a", "seq": 4}]}, 5)
    case.apply({"e": "moved", "slots": [{**signed, "state": "open", "unit": "v"}]}, 5)
    assert (case.slots["b"]["unit"], list(case.signed())) == ("v", ["a"])
    case.apply({"e": "superseded", "slots": ["a"]}, 6)
    assert (case.slots["a"]["state"], case.signed()) == ("waiting", {})
    for effect, state in (("not-needed", "not-needed"), ("overridden", "overridden"), ("slot-opened", "open")):
        place = {"slots": ["a"]} if effect == "not-needed" else {"place" if effect == "overridden" else "slot": "a"}
        case.apply({"e": effect, **place}, 7)
        assert case.slots["a"]["state"] == state
    case.apply({"e": "delegated", "slot": "b", "delegate": "q", "giver": "p"}, 8)
    assert (case.slots["b"]["delegate"], case.slots["b"]["giver"]) == ("q", "p")
    case.apply({"e": "recalled", "slot": "b"}, 9)
    assert (case.slots["b"]["delegate"], case.slots["b"]["giver"]) == ("", "")
    case.apply({"e": "handed-over", "place": "b", "delegate": "r", "giver": "s"}, 10)
    assert (case.slots["b"]["delegate"], case.slots["b"]["giver"]) == ("r", "s")
    case.apply({"e": "exempted"}, 11)
    assert case.slots == {}


def test_what_is_shown_forgets_the_digest_only_where_it_changes() -> None:
    case = begun(a=("open", 0))
    before = case.content()
    case.apply({"e": "signed", "slot": "a"}, 3)
    assert case.digest == before
    for effect in (
        {"e": "outcome-set", "outcome": "other"},
        {"e": "lead-named", "role": "lead", "person": "p", "post": "q", "unit": "u"},
        {"e": "ballot-opened", "roll": "r", "eligible": 3},
        {"e": "submitted", "relies": [{"item": "y"}], "roll": {"y": 1}},
    ):
        case.apply(effect, 9)
        assert case.content() != before
        before = case.content()
    assert case.shown["assigned"] == {"lead": {"person": "p", "post": "q", "unit": "u"}}
    assert case.shown["ballot"] == {"roll": "r", "eligible": 3, "seq": 9}
    assert (case.shown["outcome"], case.shown["relies"], case.shown["roll"]) == ("other", [{"item": "y"}], {"y": 1})
    case.apply({"e": "lead-named", "person": "p"}, 10)
    assert case.shown["assigned"].keys() == {"lead"}


RARE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {  # kind of act -> its effect, of the act, of the effect
    "extend": ("due-extended", {}, {}),
    "pause": ("due-paused", {}, {}),
    "resume": ("due-resumed", {}, {}),
    "move-item": ("moved", {"gone": "u1", "successor": "u2"}, {"from": "u1", "to": "u2"}),
    "migrate": ("migrated", {"to": "d2"}, {"to": "d2"}),
    "reopen": (
        "signed",
        {"by": {"person": "p", "post": "q", "unit": "u"}},
        {"person": "p", "post": "q", "unit": "u", "slot": "7"},
    ),
}


@pytest.mark.parametrize("kind", RARE)
def test_a_rare_act_leads_to_its_effect_alone_and_the_effect_repeats_it(kind: str) -> None:
    named, told, repeated = RARE[kind]
    act, effect = {"kind": kind, **told}, {"e": named, **repeated}
    assert standalone.led(act, [{"e": "reminded"}, effect]) == repeated.get("slot", "")
    wrong = [[], [effect, effect], [{"e": "urged"}], [effect, {"e": "urged"}]]
    wrong += [[effect | {member: "other"}] for member in repeated if member != "slot"]
    for effects in wrong:
        with pytest.raises(Bad):
            standalone.led(act, effects)


def test_clocks_that_stop_and_go_on_are_along_with_a_suspension_and_no_other_act() -> None:
    for kind, own, along in (
        ("suspend", "suspended", "due-paused"),
        ("activate", "activated", "due-resumed"),
    ):
        for many in range(3):
            assert standalone.led({"kind": kind}, [{"e": own}, *[{"e": along}] * many]) == ""
        with pytest.raises(Bad):
            standalone.led({"kind": kind}, [{"e": along}])
        with pytest.raises(Bad):
            standalone.led({"kind": "urge"}, [{"e": "urged"}, {"e": along}])
    assert standalone.led({"kind": "view"}, [{"e": "reminded"}]) == ""
    with pytest.raises(Bad):
        standalone.led({"kind": "fire"}, [{"e": "urged"}])


def test_an_entry_relies_on_the_heads_it_was_told_of_and_on_no_other_fact() -> None:
    head = {"item": "x", "seq": 3, "head": "h"}
    for facts in ({"children 1": [head]}, {"roll 1": [{"item": "y"}, head]}):
        assert list(standalone.cited_by({"act": {}, "facts": facts})) == [("x", 3, "h")]
    assert not list(standalone.cited_by({"act": {}, "facts": {"enrolled 1": [head], "authority 1": [head]}}))
    assert not list(standalone.cited_by({"act": {"cites": {"item": "x", "seq": 3}}, "org": ""}))
    cites = {"act": {"cites": {"item": "y", "seq": 2, "entry": "e"}}, "org": "o", "effects": [{}, {"relies": [head]}]}
    assert list(standalone.cited_by(cites)) == [("org", 0, "o"), ("y", 2, "e"), ("x", 3, "h")]


BALLOT = {"aware": {"content": ["good", "bad"]}, "dissatisfied": {"content": ["bad"]}, "box": "papers"}
PAPERS = [{"content": mark, "mark": str(number)} for number, mark in enumerate(("good", "bad", "void"))]


@pytest.mark.parametrize(
    ("papers", "figures", "ballot", "holds"),
    [
        (PAPERS, {"voted": 3, "aware": 2, "dissatisfied": 1, "eligible": 9}, {}, True),
        (PAPERS, {"voted": 4, "aware": 2, "dissatisfied": 1}, {}, False),
        (PAPERS, {"voted": 3, "aware": 1, "dissatisfied": 1}, {}, False),
        (PAPERS, {"voted": 3, "aware": 2, "dissatisfied": 0}, {}, False),
        (PAPERS, {"voted": 3, "aware": 2}, {}, False),
        ([PAPERS[0]] * 2, {"voted": 2, "aware": 2, "dissatisfied": 0}, {}, False),  # one mark twice
        (PAPERS[:1], {"voted": 4, "aware": 1, "dissatisfied": 0}, {}, False),  # some opened is all opened
        ([], {"voted": 4, "aware": 0, "dissatisfied": 0}, {}, True),
        ([], {"voted": 5, "aware": 0, "dissatisfied": 0}, {}, False),
        ([], {"voted": 4, "aware": 1, "dissatisfied": 0}, {}, False),
        ([], {"voted": 5, "aware": 0, "dissatisfied": 0}, {"at-least": 6}, True),
        ([], {"voted": 2, "aware": 0, "dissatisfied": 0}, {"at-least": 2}, False),
        ([], {"aware": 0, "dissatisfied": 0}, {"at-least": 1}, True),  # a sheet that counts no papers
        ([], {"voted": 0, "aware": 0, "dissatisfied": 0}, {"at-least": 0}, True),
    ],
)
def test_a_sheet_is_the_sum_of_its_papers_or_of_too_few_to_be_opened(
    papers: list[Any], figures: dict[str, int], ballot: dict[str, Any], holds: bool
) -> None:
    with contextlib.nullcontext() if holds else pytest.raises(Bad):
        standalone.recount(papers, figures, BALLOT | ballot)


VOTE = {"stages": [{"stage": "other"}, {"stage": "vote", "tally": {"material": "sheet", "ballot": BALLOT}}]}


def test_a_sheet_waits_for_its_papers_only_where_it_was_counted_from_papers() -> None:
    def boxes(by_choice: bool, ballot: dict[str, Any], stage: str = "vote", material: str = "sheet") -> Any:
        flow = json.loads(json.dumps(VOTE))
        flow["stages"][1]["tally"]["ballot"]["by-choice"] = by_choice
        verifier, case = Verifier(Policy()), standalone.Case()
        case.shown |= {"stage": stage, "ballot": ballot}
        act = {"materials": {material: "sha256:s", "papers": "sha256:p"}, "figures": {"sheet": {"eligible": 6}}}
        standalone.sheet(verifier, act, case, flow, "x#1")
        return {box: [(place, figures) for place, figures, _ in held] for box, held in verifier.boxes.items()}

    kept = {"sha256:p": [("x#1", {"eligible": 6})]}
    assert boxes(False, {"eligible": 6}) == boxes(True, {"eligible": 6}) == kept
    assert boxes(True, {}) == boxes(False, {}, stage="other") == boxes(False, {}, stage="none") == {}
    assert boxes(False, {"eligible": 6}, material="minutes") == {}
    for ballot in ({"eligible": 7}, {}):
        with pytest.raises(Bad, match="another roll"):
            boxes(False, ballot)


def test_a_chain_reaches_as_far_as_the_tree_of_heads_knows_or_is_not_in_it() -> None:
    names, tree, hash_ = ["b", "d", "f"], Tree(), b"\x07" * 32
    leaves = [merkle.leaf_hash(canonical.encode({"chain": n, "seq": 1, "hash": hash_.hex()})) for n in names]
    root, paths = merkle.paths(leaves)
    assert tree.leaf(canonical.encode({"chain": "b", "seq": 1, "hash": hash_.hex()})) == leaves[0]

    def head(place: int) -> dict[str, Any]:
        path = [part.hex() for part in paths[place]]
        return {"chain": names[place], "seq": 1, "hash": hash_.hex(), "index": place, "path": path}

    def look(name: str, proof: dict[str, Any], hashes: list[bytes]) -> int:
        verifier = Verifier(Policy())
        verifier._reaches(name, standalone.Chain(hashes=hashes), proof, len(names), root.hex())
        return verifier.unproven

    for place, name in enumerate(names):
        for hashes in ([hash_], [hash_, b"later"]):
            assert look(name, {"head": head(place)}, hashes) == 0
        for hashes, code in (([], "cut"), ([b"another"], "heads")):
            with pytest.raises(Bad) as told:
                look(name, {"head": head(place)}, hashes)
            assert told.value.code == code
        with pytest.raises(Bad):
            look("a", {"head": head(place)}, [hash_])
    beside: list[dict[str, Any] | None] = [None, head(0), head(1), head(2), None]
    for place, name in enumerate("aceg"):  # before all, between two, behind all
        for i, before in enumerate(beside[:-1]):
            for j, after in enumerate(beside[1:]):
                proof = {"before": before, "after": after}
                if i == j == place:
                    assert (look(name, proof, []), look(name, proof, [hash_])) == (0, 1)
                else:
                    with pytest.raises(Bad):
                        look(name, proof, [])
    for place, name in enumerate(names):  # itself a neighbour: it is in the tree
        for proof in (
            {"before": beside[place], "after": beside[place + 1]},
            {"before": beside[place + 1], "after": beside[place + 2]},
        ):
            with pytest.raises(Bad):
                look(name, proof, [])
    assert look("log", {"before": head(2), "after": None}, [hash_]) == 0  # it goes on by being fixed


def test_a_key_is_good_from_its_first_moment_to_its_last_and_for_what_was_logged_before_it_was_revoked() -> None:
    good = standalone.fault_of
    held: dict[str, Any] = {"of": "x", "from": 10}
    assert [bool(good(held, at, None)) for at in (9, 10, 11, 99)] == [True, False, False, False]
    held["until"] = 20
    assert [bool(good(held, at, None)) for at in (9, 10, 20, 21)] == [True, False, False, True]
    held |= {"since": 15, "revoked": 7}
    assert [bool(good(held, at, 6)) for at in (9, 10, 14, 15)] == [True, False, False, True]
    assert [bool(good(held, 14, index)) for index in (None, 0, 6, 8)] == [True, False, False, True]
    assert not good(held | {"revoked": None}, 14, 8)  # the log does not have the revocation: only the moment tells


# --- many signatures, and keys of other algorithms ----------------------------------------------------------------------


def test_many_signatures_are_checked_in_another_process_and_each_that_does_not_hold_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standalone, "TOGETHER", 2)
    assert run(lines_of({"view:x": entries_of("view:x", 5)}), policy()).level == "V2"
    lines = lines_of({"view:x": entries_of("view:x", 5)})
    for number in (2, 5):
        seal = bytearray(base64.b64decode(lines[number]["seal"]))
        seal[20] ^= 1
        lines[number]["seal"] = text64(bytes(seal))
    told = [(code, place) for code, place, _ in run(lines, policy()).failures if code == "seal"]
    assert told == [("seal", "view:x#2"), ("seal", "view:x#5")]


# --- one bundle after another -------------------------------------------------------------------------------------------


def differ(old: list[dict[str, Any]], new: list[dict[str, Any]], with_policy: Policy | None = None) -> Any:
    both = [Verifier(with_policy or Policy()), Verifier(with_policy or Policy())]
    for verifier, lines in zip(both, (old, new), strict=True):
        verifier.run(io.BytesIO(file_of(lines)))
    return standalone.compare(*both)


def test_a_longer_bundle_lost_nothing() -> None:
    report = differ(
        lines_of({"view:x": entries_of("view:x", 2)}), lines_of({"view:x": entries_of("view:x", 3)}), policy()
    )
    assert (report.failures, report.level, report.exit_code) == ([], "V2", 0)


def test_a_shorter_bundle_lost_something() -> None:
    report = differ(lines_of({"view:x": entries_of("view:x", 3)}), lines_of({"view:x": entries_of("view:x", 2)}))
    assert (codes(report), report.level, report.exit_code) == ({"lost"}, "V0", 1)
    assert report.failures[0][1] == "view:x#3"
    assert codes(differ(lines_of(SMALL | {"view:y": entries_of("view:y", 1)}), lines_of(SMALL))) == {"lost"}


def test_a_rewritten_bundle_changed_something() -> None:
    report = differ(lines_of(SMALL), lines_of({"view:x": entries_of("view:x", 3, OTHER)}))
    assert (codes(report), report.failures[0][1]) == ({"changed"}, "view:x#1")


def test_a_document_may_be_withdrawn_but_not_forgotten() -> None:
    held = {"t": "content", "digest": standalone.digest(b"x"), "body": text64(b"x")}
    listed = {"t": "withheld", "digest": standalone.digest(b"x")}
    report = differ([*lines_of(SMALL), held], [*lines_of(SMALL), listed])
    assert (report.failures, report.unchecked["withdrawn"]) == ([], 1)
    forgotten = differ([*lines_of(SMALL), held], lines_of(SMALL))
    assert (codes(forgotten), "withdrawn" in forgotten.unchecked) == ({"lost"}, False)
    assert "withdrawn" not in differ([*lines_of(SMALL), listed], [*lines_of(SMALL), held]).unchecked
    assert "withdrawn" not in differ([*lines_of(SMALL), held], [*lines_of(SMALL), held]).unchecked
    other = {"t": "content", "digest": standalone.digest(b"y"), "body": text64(b"y")}
    both = [{"t": "withheld", "digest": one["digest"]} for one in (held, other)]
    assert differ([*lines_of(SMALL), held, other], [*lines_of(SMALL), *both]).unchecked["withdrawn"] == 2


def test_a_definition_may_not_be_lost() -> None:
    library = {"t": "library", "kind": "definition", "digest": standalone.digest(b"{}"), "body": text64(b"{}")}
    lines = lines_of(SMALL)
    assert codes(differ([lines[0], library, *lines[1:]], lines)) == {"lost"}
    assert codes(differ(lines, [lines[0], library, *lines[1:]])) == set()


def test_bundles_of_two_logs_are_not_compared_silently() -> None:
    assert codes(differ(lines_of(SMALL, origin="other"), lines_of(SMALL))) == {"origin"}


def test_what_is_wrong_with_the_earlier_bundle_is_said() -> None:
    lines = lines_of(SMALL)
    report = differ(lines[:-1], lines)
    assert report.failures[0][:2] == ("head", "(old) view:x")


def test_a_later_log_must_continue_the_earlier_one() -> None:
    old, new = logged(lines_of({"view:x": entries_of("view:x", 2)}), 2), logged(lines_of(SMALL), 3)
    assert "no-consistency" in differ(old, new).unchecked
    leaves = [merkle.leaf_hash(entry_hash(*pair)) for pair in SMALL["view:x"]]
    path = text64(b"".join(merkle.consistency_path(2, leaves)))
    good = [*new[:2], {"t": "consistency", "from": 2, "to": 3, "path": path}, *new[2:]]
    report = differ(old, good)
    assert (report.failures, "no-consistency" in report.unchecked) == ([], False)
    bad = [*new[:2], {"t": "consistency", "from": 2, "to": 3, "path": text64(bytes(32))}, *new[2:]]
    assert codes(differ(old, bad)) == {"fork"}
    assert codes(differ(new, old)) == {"lost"}
    forked = logged(lines_of({"view:y": entries_of("view:y", 2), "view:x": entries_of("view:x", 2)}), 2)
    assert "fork" in codes(differ(old, forked))
    assert codes(differ(old, old)) == set()


def test_a_bundle_without_a_log_beside_one_with_it_is_compared_entry_by_entry_and_that_is_said() -> None:
    plain, anchored = lines_of(SMALL), logged(lines_of(SMALL), 3)
    dropped, gained = differ(anchored, plain), differ(plain, anchored)
    assert (dropped.failures, "no-log" in dropped.unchecked) == ([], True)
    assert (gained.failures, "no-log" in gained.unchecked, "no-consistency" in gained.unchecked) == ([], False, False)


def test_logs_of_two_names_are_not_said_to_continue_each_other() -> None:
    """Bundles of one origin whose checkpoints name two logs: no proof can lead from one to the other."""
    lines = logged(lines_of(SMALL), 3)
    at = next(n for n, line in enumerate(lines) if line["t"] == "checkpoint")
    other = [
        *lines[:at],
        {"t": "checkpoint", "note": lines[at]["note"].replace(ORIGIN, "other.example/log")},
        *lines[at + 1 :],
    ]
    report = differ(lines, other)
    assert (report.failures, "no-consistency" in report.unchecked) == ([], True)


# --- what it tells ------------------------------------------------------------------------------------------------------


def put(folder: Path, **files: Any) -> list[str]:
    """Files in a folder; their paths in the order given."""
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return [str(folder / name) for name in files]


def test_the_command_tells_the_level_in_english_and_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, pinned = put(tmp_path, b=file_of(lines_of(SMALL)), p=json.dumps(POLICY))
    assert standalone.main(["verify", bundle, "--policy", pinned]) == 0
    told = capsys.readouterr().out
    assert "result: holds; level V2" in told and "rules: not checked" in told and "unanchored tail 3" in told
    assert standalone.main(["verify", bundle, "--lang", "zh"]) == 0
    told = capsys.readouterr().out
    assert "结论: 成立; 层级 V1" in told and "规则:未核验" in told and "未提供核验策略" in told


def test_a_level_that_is_asked_for_and_not_reached_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, pinned = put(tmp_path, b=file_of(lines_of(SMALL)), p=json.dumps(POLICY))
    assert standalone.main(["verify", bundle, "--policy", pinned, "--require", "V2"]) == 0
    assert standalone.main(["verify", bundle, "--policy", pinned, "--require", "V3"]) == 2
    assert "could not be checked" in capsys.readouterr().out


def test_what_does_not_hold_is_exit_code_1_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(SMALL)
    lines.pop(2)
    (bundle,) = put(tmp_path, b=file_of(lines))
    assert standalone.main(["verify", bundle]) == 1
    told = capsys.readouterr().out
    assert "does NOT hold" in told and "[chain] view:x#3: the chain of entries is broken" in told
    assert standalone.main(["verify", bundle, "--json"]) == 1
    plain = json.loads(capsys.readouterr().out)
    assert (plain["result"], plain["level"]) == ("fails", "V0")
    assert {f["code"] for f in plain["failures"]} == {"chain", "head"}


def test_the_json_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle,) = put(tmp_path, b=file_of(lines_of(SMALL)))
    standalone.main(["verify", bundle, "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "result": "holds", "level": "V1", "wanted": "V1", "rules": "not checked", "origin": ORIGIN,
        "what": {"kind": "item", "name": "x"}, "entries": 3, "chains": 1, "anchored": 0, "unanchored_tail": 3,
        "contents": 0, "withheld": 0, "strengths": {}, "failures": [], "failed": 0, "complete_at": 0,
            "recounted": 0,
        "not_checked": {"rules": 0, "no-log": 0, "no-policy": 0},
    }  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [["--policy", "absent"], ["--policy", "bundle"], ["--checkpoint", "note"], ["--checkpoint", "absent"]],
)
def test_an_input_of_the_verifier_that_cannot_be_used_is_exit_code_2(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, bundle=file_of(lines_of(SMALL)), note=NOTE)
    assert standalone.main(["verify", str(tmp_path / "bundle"), more[0], str(tmp_path / more[1])]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("policy", "english", "chinese"),
    [
        ("{", "the policy cannot be used: ", "核验策略不可用: "),
        ('{"quorom": 1}', "unknown members: quorom", "有未知成员: quorom"),
        ('{"quorum": 1}', "a quorum beyond its witnesses: 1", "法定数与见证人数不符: 1"),
        ('{"strength": "S7"}', "an unknown strength or algorithm: S7, sha256", "强度或算法不识: S7, sha256"),
        (json.dumps({"engine_keys": POLICY["engine_keys"]}), "of which log", "未指定日志"),
        ("{}" + " " * standalone.POLICY_LIMIT, "more bytes than are read: ", "超出读取上限: "),
        (json.dumps({"authorities": [pem(CA.certificate)]}), "S3 takes both: 1, 0", "二者均不可缺: 1, 0"),
        ('{"strength": "S3"}', "S3 takes both: 0, 0", "二者均不可缺: 0, 0"),
        (
            json.dumps({"authorities": [pem(STAMPS.certificate)], "timestamps": [pem(CA.certificate)]}),
            "issues no certificates: CN=invented timestamps 1",
            "不能签发证书: CN=invented timestamps 1",
        ),
    ],
    ids=range(9),
)
def test_why_an_input_cannot_be_used_is_said_in_the_language_asked_for(
    policy: str, english: str, chinese: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, pinned = put(tmp_path, b=file_of(lines_of(SMALL)), p=policy)
    for lang, words in (("en", english), ("zh", chinese)):
        assert standalone.main(["verify", bundle, "--policy", pinned, "--lang", lang]) == 2
        told = capsys.readouterr()
        assert (told.out, told.err.count("\n"), words in told.err) == ("", 1, True), told.err


def test_an_input_may_be_as_large_as_the_limit(tmp_path: Path) -> None:
    (path,) = put(tmp_path, p=b"12345")
    assert standalone._read(path, 5) == b"12345"
    with pytest.raises(Unusable):
        standalone._read(path, 4)


def test_a_checkpoint_or_a_file_that_cannot_be_used_is_told_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, note, none = put(tmp_path, b=file_of(lines_of(SMALL)), c=NOTE, d=b"\xff\n")
    for arguments, english, chinese in (
        ([bundle, "--checkpoint", note], "not a checkpoint of the policy's log", "不是核验策略所指日志"),
        ([bundle, "--checkpoint", none], "not a checkpoint of the policy's log", "不是核验策略所指日志"),
        ([bundle + "x"], "cannot be read: ", "无法读取: "),
        ([str(tmp_path)], "cannot be read: ", "无法读取: "),
    ):
        for lang, words in (("en", english), ("zh", chinese)):
            assert standalone.main(["verify", *arguments, "--lang", lang]) == 2
            assert words in capsys.readouterr().err


def test_a_bundle_that_is_not_there_is_exit_code_2(tmp_path: Path) -> None:
    assert standalone.main(["verify", str(tmp_path / "absent")]) == 2
    assert standalone.main(["verify", str(tmp_path)]) == 2


def test_a_checkpoint_brought_along_must_be_by_the_policys_key_and_of_its_log(tmp_path: Path) -> None:
    lines = logged(lines_of(SMALL), 3)
    note = next(line["note"] for line in lines if line["t"] == "checkpoint")
    bundle, good, other, pinned = put(
        tmp_path, b=file_of(lines), c=note, d=NOTE.replace(ORIGIN, "other"), p=json.dumps(POLICY | ANCHOR)
    )
    arguments = ["verify", bundle, "--policy", pinned, "--require", "V3", "--checkpoint"]
    assert standalone.main([*arguments, good]) == 0
    assert standalone.main([*arguments, other]) == 2
    assert standalone.main(["verify", bundle, "--checkpoint", good]) == 2


def test_two_bundles_are_compared_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = put(tmp_path, a=file_of(lines_of({"view:x": entries_of("view:x", 2)})), b=file_of(lines_of(SMALL)))
    assert standalone.main(["verify-diff", old, new]) == 0
    assert standalone.main(["verify-diff", new, old]) == 1
    assert "lost" in capsys.readouterr().out


def test_a_bundle_cannot_write_to_the_terminal_what_it_likes() -> None:
    report = run(lines_of(SMALL, origin="x\x1b[2J\n结论: 成立", what={"kind": "\x07", "name": "n"}))
    told = standalone.as_text(report, "en")
    assert "\x1b" not in told and "\x07" not in told and "\\x1b[2J\\x0a结论" in told


def test_every_word_is_there_in_both_languages() -> None:
    for english, chinese in [*standalone.WORDS.values(), *standalone.TITLES.values()]:
        assert english.isascii() and not chinese.isascii()
    source = SOURCE.read_text()
    used = {n.args[0].value for n in ast.walk(ast.parse(source)) if _says(n)}
    assert used <= set(standalone.WORDS), used - set(standalone.WORDS)


def _says(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return False
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    return name in ("Bad", "Unusable", "fail", "skip") and isinstance(node.args[0].value, str)
