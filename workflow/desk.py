"""One transaction: where acts are decided, sealed and written. Its owner, we or the host, commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workflow import log, personal, removals, sealing
from workflow.acts import Act, Actor, Migrate, MoveItem, Open, OpenBallot, Submit, Supplement, View
from workflow.case import Case
from workflow.clock import local_day, micros
from workflow.deciding import Made, act_digest, check_given
from workflow.definition.definition import Definition
from workflow.errors import BadMaterial, NotHolder, RequestReused, Unknown, WrongMeaning
from workflow.evidence import canonical
from workflow.receipt import Receipt, Shown
from workflow.rules import authority, materials
from workflow.store import facts, items, library
from workflow.store.known import alone, last_moment, write_rows
from workflow.store.org import refuse_clashes
from workflow.together import Together
from workflow.verbs import Verbs, closed_and_unchanged

if TYPE_CHECKING:
    from workflow.org.importing import OrgImport


def answered(connection: Any, request_id: str, act: Act) -> Receipt | None:
    """The first answer to a request, if there was one.

    Raises:
        RequestReused: it was another act.
    """
    row = items.request(connection, request_id)
    if row is None:
        return None
    if row.request_digest != act_digest(act):
        raise RequestReused(
            request_id=request_id, expected=row.request_digest.hex()[:16], actual=act_digest(act).hex()[:16]
        )
    stage, opened, seal = "", (), b""
    for entry in items.entries(connection, row.chain):
        effects = canonical.read(entry.body)["effects"]
        stage = next((e["stage"] for e in reversed(effects) if e["e"] == "entered"), stage)
        if entry.seq == row.seq:
            opened, seal = tuple(e["item"] for e in effects if e["e"] == "item-opened"), entry.seal
            break
    return Receipt(row.chain, row.seq, row.hash, row.at, stage, seal, opened)


class Desk(Together, Verbs):
    """The engine on one transaction: where acts are decided and written."""

    def lines_of(self, item: str, list_: str) -> list[dict[str, Any]]:
        held = items.lines(self.connection, item, list_)
        if not any(personal.found(held)):
            return held
        return list(self.reveal(self.case_of(item)[1], list_, held))

    def reveal(self, definition: Definition, name: str, value: Any) -> Any:
        """A document or list with what it says of persons in plain, as far as it is there and for these eyes."""
        material = definition.flow.materials.get(name)
        return personal.reveal(self.connection, value, personal.withheld(material, self.eyes))

    def committed(self, item: str, definition: Definition, name: str, value: Any) -> Any:
        if not personal.marked(definition.flow.materials[name]):
            return value
        return personal.commit(self.connection, definition.flow.materials[name], value, item)

    def show(self, item: str) -> Shown:
        """What a person is shown before acting on an item."""
        case, definition = self.case_of(item)
        stored = {name: removals.read(self.connection, self.contents, d) for name, d in case.materials.items()}
        held = {name: self.reveal(definition, name, value) for name, value in stored.items()}
        return Shown(case, case.content, held, tuple(case.open_slots))

    def act(self, act: Act, *, request_id: str | None = None, lists: Mapping[str, list[Any]] | None = None) -> Receipt:
        """Do one act here. See ``Engine.act``; the transaction's owner commits."""
        if request_id is not None:
            earlier = answered(self.connection, request_id, act)
            if earlier is not None:
                return earlier
        return self.do(act, request_id, lists)

    def do(self, act: Act, request_id: str | None, lists: Mapping[str, list[Any]] | None) -> Receipt:
        """The same for a request that is known, or assumed, to be new: a second one fails when it is written."""
        if isinstance(act, View):
            return self._view(act)
        if isinstance(act, Open):
            check_given(act)
        if isinstance(act, MoveItem):
            raise WrongMeaning(expected="an act of a person", actual="a move, which only follows a change of units")
        made = self._decided(act, request_id)
        written = self._seal([made])
        self._write(written, self._lists(act) if isinstance(act, (Submit, Supplement)) else None)
        if isinstance(act, OpenBallot):
            self._begin_ballot(act, made)
        opened = self._open_behind(written).get(made.case.item, ())
        log.acted(act, made.case, made.asked.context.seq)
        w = written[0]
        return Receipt(w.case.item, w.seq, w.hash, w.at, w.case.stage, w.seal if self.own else b"", opened)

    def _decided(self, act: Act, request_id: str | None = None) -> Made:
        engine = self.engine
        if isinstance(act, Open):
            definition = engine.newest(self.connection, act.flow)
            at = engine.now(self.connection)
            return self._decide(act, Case(), b"", items.org_head(self.connection), 1, at, request_id, definition)
        head = items.lock(self.connection, act.item, with_now=engine.clock.in_database)
        at = micros(head.now) if head.now is not None else engine.clock.now()
        case = Case.of_snapshot(head.snapshot)
        if isinstance(act, (Submit, Supplement)):
            self._vouch(act, case)
        to = engine.definition(self.connection, act.to) if isinstance(act, Migrate) else None
        return self._decide(act, case, head.head, head.org, head.seq + 1, at, request_id, to)

    def _begin_ballot(self, act: OpenBallot, made: Made) -> None:
        """An empty box for those who may vote.

        Raises:
            BallotRefused: the roll or the codes are not what the act says of them; nothing may be committed.
        """
        from workflow import rolls
        from workflow.store import ballots

        tally = made.asked.definition.stage(made.case.stage).tally
        assert tally is not None and tally.ballot is not None  # the rules saw to that
        may = rolls.hashes(self.contents, act, tally.ballot)
        ballots.begin(self.connection, made.case.item, made.case.stays, may)

    def _lists(self, act: Submit | Supplement) -> dict[str, list[Any]]:
        """The lines of the lists handed in, read from the documents that the act names and nowhere else."""
        held = {
            n: canonical.decode(self.contents.get(d))
            for n, d in act.materials.items()
            if "lines" in act.figures.get(n, {})
        }
        return {name: value for name, value in held.items() if isinstance(value, list)}

    def _vouch(self, act: Submit | Supplement, case: Case) -> None:
        """The figures that rules will decide on are those of the documents handed in, read from the store again.

        Raises:
            BadMaterial: they are not. ContentMissing: a document is not in the store.
        """
        definition = self.engine.definition(self.connection, case.definition)
        for name, one in act.materials.items():
            value = canonical.decode(self.contents.get(one))
            wanted = materials.check(definition, name, value)
            self._vouch_personal(definition, name, value, case)
            given = dict(act.figures.get(name, {}))
            closed = given.pop("closed", [])
            if given != wanted:
                raise BadMaterial(
                    path=f"$.figures.{name}",
                    expected=str(wanted),
                    actual=str(given),
                    place=definition.place("materials", name),
                )
            if closed and closed != closed_and_unchanged(items.lines(self.connection, case.item, name), value):
                raise BadMaterial(
                    path=f"$.figures.{name}.closed",
                    expected="the lines closed before that stand unchanged",
                    actual=str(closed),
                    place=definition.place("materials", name),
                )

    def _vouch_personal(self, definition: Definition, name: str, value: Any, case: Case) -> None:
        """Personal values of a document are commitments, and each stands for something, or did in the paper before.

        Raises:
            BadMaterial: a plain value, or a commitment to nothing.
        """
        material = definition.flow.materials[name]
        if not personal.marked(material):
            return
        place = definition.place("materials", name)
        if personal.in_plain(material, value):
            raise BadMaterial(
                path=f"$.{name}", expected="personal values as commitments", actual="plain text", place=place
            )
        held = case.materials.get(name)
        before = canonical.decode(self.contents.get(held)) if held else None
        if unknown := personal.unknown(self.connection, value, before):
            raise BadMaterial(
                path=f"$.{name}", expected="personal values that are kept here", actual=unknown[0], place=place
            )

    def _view(self, act: View) -> Receipt:
        """Somebody opened the content: an entry in the item's own log of views, not in its chain.

        It says whether a place of the present stage is theirs (``aside`` where none is), and whether one that is open now
        (``next``): only a look of those who act next holds up a withdrawal.

        Raises:
            NotHolder: the person neither holds the post they look as, nor answers for it, nor has a mandate for it.
        """
        head = items.read(self.connection, act.item)
        case = Case.of_snapshot(head.snapshot)
        pinned = self.engine.definition(self.connection, case.definition)
        place = self.may_look(act, case, pinned, head.org)
        more: dict[str, Any] = {"head": head.seq, "next": self._acts_next(act, case, pinned, head.org)}
        if not place:
            more["aside"] = True
        return self._alone(f"view:{act.item}", act.record(), more)

    def _acts_next(self, act: View, case: Case, pinned: Definition, org: bytes | None) -> bool:
        """Whether an open place is that of whoever looks, in whatever post they look."""
        by = act.by
        assert by is not None
        waiting = case.open_slots
        if any((s.post, s.unit) == (by.post, by.unit) or s.delegate == by.person for s in waiting):
            return True
        day, memory = self._today(pinned), self.engine.memory.at(org)
        held = (authority.need(pinned, by.person, s.unit, s.post, day) for s in waiting)
        return any(facts.load(self.connection, need, memory).get("tenure") for need in held)

    def _today(self, pinned: Definition) -> str:
        return local_day(self.now(), pinned.flow.timezone).isoformat()

    def may_look(self, act: View, case: Case, pinned: Definition, org: bytes | None) -> bool:
        """Whether a place of the present stage is that of whoever looks: of their post, or delegated to them.

        Raises:
            NotHolder: as for a look. Unknown: nobody looks.
        """
        by = act.by
        if by is None:
            raise Unknown(kind="actor", name="nobody", hint="; view is a person's act: by=Actor(person, post, unit)")
        day = self._today(pinned)
        need = authority.need(pinned, by.person, by.unit, by.post, day)
        found = facts.load(self.connection, need, self.engine.memory.at(org))
        given = any(s.delegate == by.person for s in case.open_slots)
        if not found.get("tenure") and not found.get("mandates") and not given:
            raise NotHolder(
                person=by.person,
                post=by.post,
                unit=by.unit,
                day=day,
                expected=[a["person"] for a in found.get("answerable", [])] or "nobody (vacant, no backstop)",
                actual=by.person,
                place=pinned.place("posts", by.post),
            )
        return given or any((s.post, s.unit) == (by.post, by.unit) for s in case.slots)

    def import_org(self, imported: OrgImport) -> Receipt:
        """Write an organisation import and its one signed entry, together. See ``Engine.import_org``."""
        content = self.contents.put(canonical.encode(imported.canonical()))
        parts = [self.contents.put(part) for part in imported.parts().values()]
        rows = imported.to_rows()
        counts = {table: len(all_rows) for table, all_rows in rows.items()}
        act = {"kind": "import-org", "as": "administrator", "content": content, "parts": parts, "rows": counts}
        return self.change_org(act, rows, imported.many_holders)

    def change_org(
        self,
        act: dict[str, Any],
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        many_holders: AbstractSet[str],
        units: Collection[str] | None = None,
        *,
        at: int | None = None,
    ) -> Receipt:
        """Write rows of the organisation and the one signed entry that records them, as of one moment.

        Args:
            units: where two holders or two parents at once are looked for; None looks everywhere.
            at: from ``org_moment``, where the rows name it.

        Raises:
            OrgInvalid: two persons would hold one post, or two units be above another, at once.
        """
        at = self.org_moment() if at is None else at
        write_rows(self.connection, rows, at)
        refuse_clashes(self.connection, many_holders, units)
        return self._alone(items.ORG, act, {}, at)

    def org_moment(self) -> int:
        """The moment of the next change of the organisation, which is ours alone from here on. It is later than the
        last, so that what was known at a moment is one state."""
        alone(self.connection)
        return max(self.engine.now(self.connection), last_moment(self.connection) + 1)

    def publish(self, definition: Definition, by: Actor, reason: str, held: dict[str, Any], replaces: str) -> Receipt:
        """Write a definition and the one signed entry that puts it in force. See ``Engine.publish``."""
        at = self.engine.now(self.connection)
        library.publish(
            self.connection,
            digest=definition.digest,
            flow=definition.name,
            version=definition.version,
            body=definition.body,
            at=at,
        )
        library.set_layout(self.connection, definition.digest, definition.layout)
        act: dict[str, Any] = {
            "kind": "publish",
            "by": {"person": by.person, "post": by.post, "unit": by.unit},
            "flow": definition.name,
            "version": definition.version,
            "definition": definition.digest,
            "reason": reason,
        }
        if replaces:
            act["replaces"] = replaces
        return self._alone(items.FLOWS, act, {"facts": {"authority": held}}, at)

    def _alone(self, chain: str, act: dict[str, Any], more: dict[str, Any], at: int | None = None) -> Receipt:
        """One entry in a chain that is no item."""
        at = self.engine.now(self.connection) if at is None else at
        made = sealing.append(self.connection, self.engine.key, chain, act, at, more)
        return made if self.own else replace(made, seal=b"")
