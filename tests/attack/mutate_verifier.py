"""How good are the tests of the stand-alone verifier? Break it in many small ways, and count how many are noticed.

    python -m tests.attack.mutate_verifier [--show] [--sample N [--seed S]] [--only TEXT] [--numbers N,N]

Each mutant differs from ``workflow/evidence/standalone.py`` in one place: a comparison turned round, a constant changed,
a condition negated, ``and`` for ``or``, a statement left out. It is judged in this process by the corpus of bundles (the
level claimed and the codes said, at every level of evidence) and by the unit tests. What neither notices survives. A
drawn sample is told with the interval its figure stands for.
"""

from __future__ import annotations

import argparse
import ast
import copy
import io
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import settings

from tests.attack.corpus import bundles
from tests.attack.making import Honest, make_honest
from workflow import evidence
from workflow.evidence import standalone

NAME, SOURCE = "workflow.evidence.standalone", Path(standalone.__file__)
TARGET = 90.0
SECONDS = 60  # of processor time: a mutant that loops for ever is noticed too, on a busy machine no other
UNIT = "tests/unit/test_standalone.py"

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
# Words for people, and what only shortens or names: changing them changes no verdict.
_WORDS = frozenset({"WORDS", "TITLES", "Json", "MALFORMED", "FAILURES_KEPT"})
_TELLING = frozenset({"main", "as_text", "said", "_say"})


@dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the whole program with it."""

    line: int
    what: str
    tree: ast.Module


def mutants(source: str, numbers: Iterable[int]) -> Iterator[Mutant]:
    """The mutants of these numbers, in this order, one at a time: all together they are gigabytes."""
    tree = ast.parse(source)
    places = list(_places(tree))
    for number in numbers:
        node, change, what = places[number]
        undo = change()
        yield Mutant(getattr(node, "lineno", 0), f"{number}: {what}", copy.deepcopy(tree))
        undo()


Change = Callable[[], Callable[[], None]]


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, Change, str]]:
    for top in tree.body:
        names = {t.id for t in getattr(top, "targets", ()) if isinstance(t, ast.Name)}
        if names & _WORDS or isinstance(top, (ast.Import, ast.ImportFrom, ast.If)):
            continue
        if isinstance(top, (ast.FunctionDef, ast.ClassDef)) and top.name in _TELLING:
            continue
        yield from _inside(top)


def _inside(top: ast.AST) -> Iterator[tuple[ast.AST, Change, str]]:
    told = {id(n) for part in ast.walk(top) for words in _only_tells(part) for n in ast.walk(words)}
    for node in ast.walk(top):
        if id(node) in told:
            continue
        if isinstance(node, ast.Compare):
            for place, op in enumerate(node.ops):
                yield node, _set(node.ops, place, _TURNED[type(op)]()), f"compare {ast.unparse(node)}"
        elif isinstance(node, ast.BoolOp):
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, _put(node, "op", other), f"and/or {ast.unparse(node)}"
            for place in range(len(node.values)):
                yield node, _cut(node, place), f"without {ast.unparse(node.values[place])} in {ast.unparse(node)}"
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            yield node, _put(node, "test", ast.UnaryOp(ast.Not(), node.test)), f"not {ast.unparse(node.test)}"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node, _put(node, "value", _negated(node.value)), f"returned {ast.unparse(node)}"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, str, bytes, bool):
            yield node, _put(node, "value", _other(node.value)), f"constant {node.value!r}"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            other_op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield node, _put(node, "op", other_op), f"+/- {ast.unparse(node)}"
        for body in (getattr(node, "body", None), getattr(node, "orelse", None), getattr(node, "finalbody", None)):
            if isinstance(body, list):
                for place, statement in enumerate(body):
                    if _matters(statement):
                        yield statement, _set(body, place, ast.Pass()), f"without {ast.unparse(statement)[:60]}"


def _matters(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return False
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return not text and not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Pass))


def _only_tells(node: ast.AST) -> list[ast.AST]:
    """The parts of a node that are text for people: details of messages and docstrings."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return [node]
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        return list(node.args[_DETAILS[name] :]) if name in _DETAILS else []
    return []


_DETAILS = {
    "Bad": 1,
    "fail": 2,
    "need": 2,
    "ValueError": 0,
    "TypeError": 0,
    "Unusable": 1,
}  # where in a call the details begin


def _negated(value: ast.expr) -> ast.expr:
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return ast.Constant(not value.value)
    return ast.Constant(None) if not isinstance(value, ast.Compare | ast.BoolOp) else ast.UnaryOp(ast.Not(), value)


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value + ("x" if isinstance(value, str) else b"x")


def _put(node: Any, name: str, value: Any) -> Change:
    def change() -> Callable[[], None]:
        held = getattr(node, name)
        setattr(node, name, value)
        return lambda: setattr(node, name, held)

    return change


def _set(held: list[Any], place: int, value: Any) -> Change:
    def change() -> Callable[[], None]:
        before = held[place]
        held[place] = value
        return lambda: held.__setitem__(place, before)

    return change


def _cut(node: ast.BoolOp, place: int) -> Change:
    def change() -> Callable[[], None]:
        held = node.values
        rest = [*held[:place], *held[place + 1 :]]
        node.values = rest if len(rest) > 1 else [*rest, *rest]
        return lambda: setattr(node, "values", held)

    return change


# --- judging ------------------------------------------------------------------------------------------------------------


class _AnyKey(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, Ed25519PublicKey)  # a certificate's key is one of the library's own


class Remembered(metaclass=_AnyKey):
    """Ed25519 keys whose checks are answered from those the honest verifier made, as far as they are the same.

    A mutant that asks for another check (other key, signature or bytes) has it done for real. Forked children share it.
    """

    held: ClassVar[dict[tuple[bytes, bytes, bytes], bool]] = {}

    def __init__(self, raw: bytes) -> None:
        self.raw, self.key = raw, Ed25519PublicKey.from_public_bytes(raw)

    @classmethod
    @cache
    def from_public_bytes(cls, raw: bytes) -> Remembered:
        return cls(raw)

    def verify(self, signature: bytes, data: bytes) -> None:
        asked = (self.raw, bytes(signature), data)
        if asked not in self.held:
            try:
                self.key.verify(signature, data)
                self.held[asked] = True
            except InvalidSignature:
                self.held[asked] = False
        if not self.held[asked]:
            raise InvalidSignature


@dataclass
class Input:
    """One bundle with what an auditor brings, what is honestly said of it, and how many mutants it has told."""

    name: str
    data: bytes
    plain: bytes | None
    note: str | None
    expected: Any = None
    seconds: float = 0.0
    told: int = 0


class Judge:
    """Holds what the honest verifier says of every bundle, at every level of evidence.

    Those that told most for their time are asked first, and the first that tells settles it: the verdict is the same.
    """

    def __init__(self, honest: Honest) -> None:
        self.inputs: list[Input] = []
        for name, data, _ in bundles(honest):
            for level in ("V5",) if name.endswith("_fail") else ("V5", "V2", "V1", "S1", "WET"):
                plain, note = honest.give(level)
                self.inputs.append(Input(name, data, json.dumps(plain).encode() if plain else None, note))
        standalone.Ed25519PublicKey = Remembered  # type: ignore[misc,assignment]
        for one in self.inputs:
            one.expected = self.said(standalone, one)
            begun = time.process_time()
            self.said(standalone, one)
            one.seconds = time.process_time() - begun
        self.unit_told, self.tried = 0, 0

    def said(self, module: Any, one: Input) -> Any:
        policy = module.Policy.read(one.plain) if one.plain is not None else module.Policy()
        own = module.Checkpoint.read(one.note) if one.note is not None else None
        report = module.Verifier(policy, own).run(io.BytesIO(one.data))
        failures = sorted({(code, place) for code, place, _ in report.failures})
        counts = (report.entries, report.chains, report.anchored, report.contents, report.withheld)
        return report.level, report.exit_code, failures, sorted(report.unchecked), counts, dict(report.strengths)

    def told_by(self, module: Any) -> int:
        """The number of the first bundle that gets another answer, or a traceback; ``UNIT_TESTS``, or ``NOBODY``."""
        order = sorted(range(len(self.inputs)), key=lambda n: (-self._worth(n), self.inputs[n].seconds))
        for place, number in enumerate(order):
            if place == FIRST and unit_tests_notice():
                return UNIT_TESTS
            one = self.inputs[number]
            try:
                if self.said(module, one) != one.expected:
                    return number
            except Exception:  # noqa: BLE001  whatever a mutant does wrong, it is noticed
                return number
        return NOBODY

    def _worth(self, number: int) -> float:
        one = self.inputs[number]
        return one.told / max(one.seconds, 0.001)

    def learn(self, answer: int) -> None:
        if 0 <= answer < len(self.inputs):
            self.inputs[answer].told += 1


FIRST = 10  # bundles before the unit tests; the others come after them
UNIT_TESTS, NOBODY, CRASHED = 60_000, 60_001, 60_002


def unit_tests_notice() -> bool:
    """Whether a unit test fails with the mutant in the verifier's place."""
    sink = io.StringIO()
    with redirect_stdout(sink), redirect_stderr(sink):
        quick = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "--hypothesis-profile=mutants"]
        return pytest.main([*quick, UNIT, "-k", "not as_one_file"]) != 0


def in_its_place(tree: ast.Module) -> Any:
    """A program as the module that everybody imports as the verifier."""
    module = types.ModuleType(NAME)
    module.__file__ = str(SOURCE)
    sys.modules[NAME] = module
    evidence.standalone = module
    exec(compile(ast.fix_missing_locations(tree), str(SOURCE), "exec"), module.__dict__)
    module.__dict__["Ed25519PublicKey"] = Remembered
    return module


def judged(tree: ast.Module, judge: Judge) -> int:
    """In a child process, so that a mutant that loops or breaks the interpreter harms nobody."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        answer = CRASHED
        with suppress(BaseException):  # the child only tells
            answer = judge.told_by(in_its_place(tree))
        os.write(outlet, answer.to_bytes(2, "big"))
        os._exit(0)
    os.close(outlet)
    with os.fdopen(inlet, "rb") as told:
        answer = int.from_bytes(told.read() or CRASHED.to_bytes(2, "big"), "big")
    os.waitpid(child, 0)
    judge.learn(answer)
    return answer


def interval(noticed: int, tried: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in percent."""
    share, z = noticed / tried, 1.96
    middle, spread = share + z * z / (2 * tried), z * math.sqrt(share * (1 - share) / tried + z * z / (4 * tried**2))
    return 100 * (middle - spread) / (1 + z * z / tried), 100 * (middle + spread) / (1 + z * z / tried)


def main() -> int:
    settings.register_profile("mutants", deadline=None, max_examples=10, database=None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="only so many mutants, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only mutants whose description contains this")
    parser.add_argument("--numbers", default="", help="only the mutants of these numbers, with commas")
    parser.add_argument("--show", action="store_true", help="print each survivor as it is found")
    given = parser.parse_args()
    source = SOURCE.read_text()
    names = [f"{n}: {what}" for n, (_, _, what) in enumerate(_places(ast.parse(source)))]
    numbers = {int(n) for n in given.numbers.split(",") if n} or set(range(len(names)))
    chosen = [n for n in sorted(numbers) if given.only in names[n]]
    random.Random(given.seed).shuffle(chosen)  # so that a run that is broken off has seen a fair sample too
    chosen = chosen[: given.sample or None]
    with tempfile.TemporaryDirectory() as home:
        honest = make_honest(Path(home))
        judge = Judge(honest)
        honest.world.engine.close()
    if (answer := judged(ast.parse(source), judge)) != NOBODY:
        print(f"the verifier itself does not pass ({answer}): nothing can be said of its mutants")
        return 2
    tried, survived = 0, 0
    for mutant in mutants(source, chosen):
        tried += 1
        if judged(mutant.tree, judge) == NOBODY:
            survived += 1
            if given.show:
                print(f"survived line {mutant.line}: {mutant.what}", flush=True)
        if given.show and tried % 20 == 0:
            print(f"tried {tried}, survived {survived}", flush=True)
    if not tried:
        print("no mutant was asked for")
        return 2
    rate, (low, high) = 100 * (tried - survived) / tried, interval(tried - survived, tried)
    of = f" of {len(names)}, 95 % interval {low:.1f} to {high:.1f} %" if tried < len(names) else ""
    print(f"mutants {tried}{of}: noticed {tried - survived}, survived {survived}: {rate:.1f} %")
    return 0 if rate >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
