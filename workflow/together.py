"""Several items at once: asked together, decided each for itself, sealed with one signature."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from workflow import recording
from workflow.acts import Fire, HandOver, Migrate, MoveItem, Open, OpenBallot, Signature, Supplement
from workflow.case import Case
from workflow.clock import local_day
from workflow.deciding import Deciding, Made, check_given, first_need, remember
from workflow.errors import Conflict, OneByOne, Unknown, WorkflowError, WrongMeaning, WrongStage
from workflow.evidence import canonical
from workflow.receipt import Receipt
from workflow.rules import Asked, Context, Facts, Need, needs, signing
from workflow.store import facts, items
from workflow.store.appending import Written

ONE_BY_ONE = (Supplement, OpenBallot)  # what they bring along is vouched for in an act of its own
Contexts = dict[tuple[str, int, str], Context]
"""What acts of one moment share, by definition, the number of the item's last entry, and calendar."""


@dataclass(frozen=True)
class Moving:
    """What became of one item of a batch, or would become of it: before, after and the effects between, or why not."""

    item: str
    before: Case | None = None
    after: Case | None = None
    effects: list[dict[str, Any]] = field(default_factory=list)
    seq: int = 0
    refusal: WorkflowError | None = None


def _moving(made: Made) -> Moving:
    return Moving(made.asked.act.item, made.before, made.case, made.decision.effects, made.asked.context.seq)


@contextmanager
def no_collection() -> Iterator[None]:
    """While many items are decided at once, all that is made is kept: looking for garbage among it took a quarter of
    the time. It is bounded by the size of the batch. It goes around a whole function, so that what is made is gone when
    looking begins again."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class Together(Deciding):
    """Acts on several items in one transaction."""

    @no_collection()
    def open_many(self, opens: Sequence[Open]) -> int:
        """Open several items of flows, sealed with one signature. Items that exist already are left as they are.

        Returns:
            How many were opened now.
        """
        for o in opens:
            check_given(o)
        present = items.present(self.connection, [o.item for o in opens])
        fresh = list({o.item: o for o in opens if o.item not in present}.values())
        if fresh:
            org, at = items.org_head(self.connection), self.engine.now(self.connection)
            flows = {name: self.engine.newest(self.connection, name) for name in {o.flow for o in fresh}}
            memory = self.engine.memory.at(org)
            for name, flow in flows.items():
                day = local_day(at, flow.flow.timezone).isoformat()
                facts.load_paths(self.connection, [o.unit for o in fresh if o.flow == name], day, memory)
            made = [self._decide(o, Case(), b"", org, 1, at, None, flows[o.flow]) for o in fresh]
            self._write(self._seal(made))
        return len(fresh)

    @no_collection()
    def sign_many(self, acts: Sequence[Signature]) -> list[Receipt | WorkflowError]:
        """Several signatures of listed items, each with its own seen digest: a result per item, in the order given.

        What one item refuses does not hold the others, nor does a signature that does not verify. Stages and places
        marked one by one refuse to be signed in bulk. Source: S0 「逐个评估」, R134.
        """
        heads = items.lock_many(self.connection, [a.item for a in acts])
        org, at = items.org_head(self.connection, hold=True), self.engine.now(self.connection)
        opened: dict[str, tuple[str, ...]] = {}
        made, bodies, refused = self._decided_each(acts, heads, org, at)
        written = self._seal(list(made.values()), bodies)
        if written:
            self._write(written)
            opened = self._open_behind(written)
        receipts = {
            w.case.item: Receipt(
                w.case.item,
                w.seq,
                w.hash,
                w.at,
                w.case.stage,
                w.seal if self.own else b"",
                opened.get(w.case.item, ()),
            )
            for w in written
        }
        return [refused[n] if n in refused else receipts[a.item] for n, a in enumerate(acts)]

    def _decided_each(
        self, acts: Sequence[Signature], heads: Mapping[str, items.Head], org: bytes | None, at: int
    ) -> tuple[dict[str, Made], list[bytes], dict[int, WorkflowError]]:
        """Signatures in bulk: what follows by item, the bytes of each in this order, and by place in the order given what
        is refused."""
        asked, refused = self._ask_each(acts, heads, org, at)
        made: dict[str, Made] = {}
        bodies: dict[str, dict[str, Any]] = {}
        places: dict[str, int] = {}
        nonces = iter(recording.new_nonces(len(asked)))
        for n, act in enumerate(acts):
            if act.item in made:
                refused[n] = Conflict(item=act.item, expected="each item once", actual="twice in one call")
            elif n in asked:
                try:
                    one = self._decided_on(asked[n], heads[act.item].head, org)
                    bodies[act.item] = self._body(one, next(nonces))
                    made[act.item], places[act.item] = one, n
                except WorkflowError as error:
                    refused[n] = error
        try:
            return made, canonical.encode_many(list(bodies.values())), refused
        except WorkflowError:  # something in one of them cannot go on record
            encoded: list[bytes] = []
            for item, body in bodies.items():
                try:
                    encoded.append(canonical.encode(body))
                except WorkflowError as error:
                    refused[places[item]] = error
                    del made[item]
            return made, encoded, refused

    def _ask_each(
        self, acts: Sequence[Signature], heads: Mapping[str, items.Head], org: bytes | None, at: int
    ) -> tuple[dict[int, Asked], dict[int, WorkflowError]]:
        """Signatures in bulk in front of their rules, by place in the order given, and what is refused before that."""
        asked: dict[int, Asked] = {}
        refused: dict[int, WorkflowError] = {}
        memory = self.engine.memory.at(org)
        contexts: Contexts = {}
        for n, act in enumerate(acts):
            try:
                if isinstance(act, ONE_BY_ONE):
                    raise WrongMeaning(expected="an act on a place, in bulk", actual=act.kind)
                if act.item not in heads:
                    raise Unknown(kind="item", name=act.item)
                one = self._in_front(act, heads[act.item], at, memory, contexts)
                if len(acts) > 1:
                    self._refuse_together(act, one, len(acts))
                self._refuse_replay(act, at)
                asked[n] = one
            except WorkflowError as error:
                refused[n] = error
        refused |= self._load_together(asked, memory)
        return {n: one for n, one in asked.items() if n not in refused}, refused

    def foresee(self, acts: Sequence[Signature | Open]) -> list[Moving]:
        """A dry run of ``sign_many`` or ``open_many``: what each item would come to, or why it would be refused, by the
        same rules and in the order given. Nothing is written, and nothing is held.

        An item to be opened that is there already would be left as it is: before and after are the same, with no effect.
        """
        opens = {n: a for n, a in enumerate(acts) if isinstance(a, Open)}
        signs = {n: a for n, a in enumerate(acts) if not isinstance(a, Open)}
        org, at = items.org_head(self.connection), self.engine.now(self.connection)
        heads = {i: items.read(self.connection, i) for i in items.present(self.connection, [a.item for a in acts])}
        made, _, refused = self._decided_each(list(signs.values()), heads, org, at)
        out = {
            n: Moving(a.item, refusal=refused[place]) if place in refused else _moving(made[a.item])
            for place, (n, a) in enumerate(signs.items())
        }
        for n, act in opens.items():
            if act.item in heads:
                case = Case.of_snapshot(heads[act.item].snapshot)
                out[n] = Moving(act.item, case, case)
                continue
            try:
                check_given(act)
                flow = self.engine.newest(self.connection, act.flow)
                out[n] = _moving(self._decide(act, Case(), b"", org, 1, at, None, flow))
            except WorkflowError as refusal:
                out[n] = Moving(act.item, refusal=refusal)
        return [out[n] for n in range(len(acts))]

    def foresee_fires(self, fires: Sequence[Fire], at: int) -> list[Moving]:
        """The same of rungs of different items. Dues met meanwhile are left out."""
        org = items.org_head(self.connection)
        heads = {f.item: items.read(self.connection, f.item) for f in fires}
        out: list[Moving] = []
        for asked, head in self._ask_together(fires, heads, org, at):
            try:
                out.append(_moving(self._decided_on(asked, head.head, org)))
            except Conflict:
                continue
            except WorkflowError as refusal:
                out.append(Moving(asked.case.item, refusal=refusal))
        return out

    def _refuse_together(self, act: Signature, asked: Asked, count: int) -> None:
        """A stage or place marked one by one is signed by a call of its own. That each was also read is not asked here: who
        calls once for each item in a loop stands in the list of bursts and of signatures given unopened (R039). What waits
        for a leaver passes on together, whatever it waits for: that signs nothing.

        Raises:
            OneByOne: it is one of several.
        """
        if isinstance(act, HandOver):
            return
        stage = asked.definition.stage(asked.case.stage)
        place = signing.place_of(asked, act) if not stage.one_by_one else None
        if stage.one_by_one or (place is not None and place.one_by_one):
            raise OneByOne(
                expected="one item in one act",
                actual=f"{count} items",
                place=asked.definition.place("stages", stage.stage, "one-by-one"),
            )

    def fire(self, fires: Sequence[Fire], at: int, heads: Mapping[str, items.Head] | None = None) -> list[Written]:
        """Fire rungs of different items, sealed with one signature. Dues met meanwhile are left out.

        Args:
            heads: the items under their locks, where the caller holds them already.
        """
        if heads is None:
            heads = items.lock_many(self.connection, [f.item for f in fires])
        org = items.org_head(self.connection)
        made: list[Made] = []
        for asked, head in self._ask_together(fires, heads, org, at):
            try:
                made.append(self._decided_on(asked, head.head, org))
            except Conflict:
                continue
        if not made:
            return []
        written = self._seal(made)
        self._write(written)
        self._open_behind(written)
        return written

    def _ask_together(
        self, fires: Sequence[Fire], heads: Mapping[str, items.Head], org: bytes | None, at: int
    ) -> list[tuple[Asked, items.Head]]:
        """Rungs of different items in front of their rules."""
        memory = self.engine.memory.at(org)
        contexts: Contexts = {}
        asked = [self._in_front(f, heads[f.item], at, memory, contexts) for f in fires]
        for refused in self._load_together(dict(enumerate(asked)), memory).values():
            raise refused
        return [(one, heads[one.case.item]) for one in asked]

    def _in_front(
        self, act: Signature | Fire, head: items.Head, at: int, memory: dict[Need, Any], contexts: Contexts
    ) -> Asked:
        """One of several acts in front of its rules, with no fact yet; those that may share a context do."""
        case = Case.of_snapshot(head.snapshot)
        pinned = self.engine.definition(self.connection, case.definition)
        name = self.calendar_of(pinned, case.unit, at, memory)
        context = contexts.get((case.definition, head.seq, name))
        if context is None:
            calendar = self.engine.calendar(self.connection, name)
            context = contexts[case.definition, head.seq, name] = Context(pinned, calendar, at, head.seq + 1)
        return Asked(case, act, context, Facts({}))

    def _load_together(self, some: Mapping[int, Asked], memory: dict[Need, Any]) -> dict[int, WorkflowError]:
        """Load what several acts need; what they need of the organisation for all of them at once.

        Returns:
            Which of them need something that is not to be had.
        """
        first = [first_need(one) for one in some.values()]
        facts.load_together(self.connection, dict.fromkeys([need for need in first if need is not None]), memory)
        for one, need in zip(some.values(), first, strict=True):
            remember(one, need, memory)
        refused: dict[int, WorkflowError] = {}
        left = dict(some)
        while left:
            wanted: dict[int, list[Need]] = {}
            for n, one in left.items():
                try:
                    if found := needs(one):
                        wanted[n] = found
                except WorkflowError as error:
                    refused[n] = error
            facts.load_together(self.connection, dict.fromkeys(chain.from_iterable(wanted.values())), memory)
            for n, found in wanted.items():
                try:
                    loaded = left[n].facts.loaded
                    for named in found:
                        loaded[" ".join(named)] = facts.load(self.connection, named, memory)
                except WorkflowError as error:
                    refused[n] = error
            left = {n: left[n] for n in wanted if n not in refused}
        return refused

    def move_items(self, moves: Sequence[MoveItem]) -> list[str]:
        """Move open items to a successor, sealed with one signature; the caller holds their locks (``items.lock_many``).

        Returns:
            The items that were moved; those that do not concern the unit are left alone.
        """
        heads = items.lock_many(self.connection, [m.item for m in moves])
        org, at = items.org_head(self.connection), self.engine.now(self.connection)
        made: list[Made] = []
        for m in moves:
            head = heads[m.item]
            try:
                made.append(self._decide(m, Case.of_snapshot(head.snapshot), head.head, org, head.seq + 1, at))
            except WrongStage:
                continue
        if made:
            self._write(self._seal(made))
        return [m.case.item for m in made]

    def migrate_many(self, moves: Sequence[Migrate], *, dry: bool = False) -> list[Moving]:
        """Move several items to another version, sealed with one signature: a result per item, in the order given.
        What one item refuses does not hold the others.

        Args:
            dry: decide everything by the same rules, and write nothing.
        """
        ids = [m.item for m in moves]
        heads = items.lock_many(self.connection, ids) if not dry else {i: items.read(self.connection, i) for i in ids}
        org, at = items.org_head(self.connection, hold=not dry), self.engine.now(self.connection)
        made: dict[str, Made] = {}
        out: list[Moving] = []
        for move in moves:
            try:
                if move.item not in heads:
                    raise Unknown(kind="item", name=move.item)
                head = heads[move.item]
                case, definition = Case.of_snapshot(head.snapshot), self.engine.definition(self.connection, move.to)
                made[move.item] = m = self._decide(move, case, head.head, org, head.seq + 1, at, None, definition)
                out.append(_moving(m))
            except WorkflowError as refusal:
                out.append(Moving(move.item, refusal=refusal))
        if made and not dry:
            self._write(self._seal(list(made.values())))
        return out
