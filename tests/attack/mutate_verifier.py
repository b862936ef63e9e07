"""How good are the tests of the stand-alone verifier? Break it in many small ways, and count how many are noticed.

    python -m tests.attack.mutate_verifier [--show] [--every N] [--only TEXT]

Each mutant differs from ``workflow/evidence/standalone.py`` in one place: a comparison turned round, a constant changed,
a condition negated, ``and`` for ``or``, a statement left out. It is judged in this process by the corpus of bundles (the
level claimed and the codes said, at every level of evidence) and then by the unit tests. What neither notices survives.
"""

from __future__ import annotations

import argparse
import ast
import copy
import io
import json
import os
import signal
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.attack.corpus import bundles
from tests.attack.making import Honest, make_honest
from workflow import evidence
from workflow.evidence import standalone

NAME, SOURCE = "workflow.evidence.standalone", Path(standalone.__file__)
TARGET = 90.0
SECONDS = 90  # a mutant that loops for ever is noticed too
UNIT = "tests/unit/test_standalone.py"

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
# Words for people, and what only shortens or names: changing them changes no verdict.
_WORDS = frozenset({"WORDS", "TITLES", "Json", "MALFORMED", "FAILURES_KEPT"})
_TELLING = frozenset({"main", "as_text", "_said"})


@dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the whole program with it."""

    line: int
    what: str
    tree: ast.Module


def mutants(source: str, wanted: Callable[[int, str], bool]) -> Iterator[Mutant]:
    """The wanted mutants of a program (by number and description), one at a time: all together they are gigabytes."""
    tree = ast.parse(source)
    for number, (node, change, what) in enumerate(list(_places(tree))):
        if wanted(number, what):
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


_DETAILS = {"Bad": 1, "fail": 2, "ValueError": 0, "TypeError": 0, "Unusable": 0}  # where in a call the details begin


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


class Judge:
    """Holds what the honest verifier says of every bundle, at every level of evidence."""

    def __init__(self, honest: Honest) -> None:
        self.inputs: list[tuple[bytes, bytes | None, str | None]] = []
        for name, data, _ in bundles(honest):
            for level in ("V5",) if name.endswith("_fail") else ("V5", "V2", "V1"):
                plain, note = honest.give(level)
                self.inputs.append((data, json.dumps(plain).encode() if plain else None, note))
        self.expected = [self.said(standalone, one) for one in self.inputs]

    def said(self, module: Any, one: tuple[bytes, bytes | None, str | None]) -> Any:
        data, plain, note = one
        policy = module.Policy.read(plain) if plain is not None else module.Policy()
        own = module.Checkpoint.read(note) if note is not None else None
        report = module.Verifier(policy, own).run(io.BytesIO(data))
        failures = sorted({(code, place) for code, place, _ in report.failures})
        counts = (report.entries, report.chains, report.anchored, report.contents, report.withheld)
        return report.level, report.exit_code, failures, sorted(report.unchecked), counts, dict(report.strengths)

    def notices(self, module: Any) -> bool:
        """Whether any bundle gets another answer, or a traceback."""
        try:
            return any(self.said(module, one) != what for one, what in zip(self.inputs, self.expected, strict=True))
        except Exception:  # noqa: BLE001  whatever a mutant does wrong, it is noticed
            return True


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
    return module


def noticed(tree: ast.Module, judge: Judge) -> bool:
    """In a child process, so that a mutant that loops or breaks the interpreter harms nobody."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        answer = 3
        try:
            answer = 3 if judge.notices(in_its_place(tree)) or unit_tests_notice() else 4
        except BaseException:  # noqa: BLE001  the child only tells
            answer = 3
        os._exit(answer)
    _, status = os.waitpid(child, 0)
    return not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 4)


def main() -> int:
    settings.register_profile("mutants", deadline=None, max_examples=10, database=None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every Nth mutant")
    parser.add_argument("--first", type=int, default=0, help="of every N the one with this number, from 0")
    parser.add_argument("--only", default="", help="only mutants whose description contains this")
    parser.add_argument("--show", action="store_true", help="print each survivor as it is found")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        honest = make_honest(Path(home))
        judge = Judge(honest)
        honest.world.engine.close()
    if noticed(ast.parse(SOURCE.read_text()), judge):
        print("the verifier itself does not pass: nothing can be said of its mutants")
        return 2

    def wanted(number: int, what: str) -> bool:
        return given.only in what and number % given.every == given.first

    tried, survived = 0, 0
    for mutant in mutants(SOURCE.read_text(), wanted):
        tried += 1
        if not noticed(mutant.tree, judge):
            survived += 1
            if given.show:
                print(f"survived line {mutant.line}: {mutant.what}", flush=True)
        if given.show and tried % 10 == 0:
            print(f"tried {tried}, survived {survived}", flush=True)
    rate = 100 * (tried - survived) / tried if tried else 0.0
    print(f"mutants {tried}, noticed {tried - survived}, survived {survived}: {rate:.1f} %")
    return 0 if rate >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
