"""The verbs a host calls: thin makers of acts, the same on the engine and on a host's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from workflow.acts import (
    Accept,
    Act,
    Activate,
    Actor,
    AddSigner,
    AdoptNodes,
    AskOverride,
    CloseLine,
    CloseOut,
    Contradict,
    Copy,
    Decide,
    Delegate,
    Exempt,
    Extend,
    HandOver,
    LookBack,
    NameLead,
    Objection,
    Open,
    Override,
    Pause,
    PostNotice,
    Recall,
    RecordCheck,
    RecordTally,
    RemoveSigner,
    Reopen,
    ReportZero,
    Resume,
    Return,
    Reverse,
    Sign,
    Signature,
    Submit,
    Supplement,
    Suspend,
    Transfer,
    Urge,
    View,
    Withdraw,
)
from workflow.case import Case
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.receipt import Receipt

if TYPE_CHECKING:
    from workflow.definition.definition import Definition

Value = Mapping[str, Any] | list[Any]
S = TypeVar("S", bound=Submit)


class Verbs:
    """What people do. Every verb takes ``request_id``: a retry with the same arguments returns the first answer.

    ``seen`` is the digest of what was shown (``show(item).digest``). All verbs raise a ``Refused`` when a rule says no;
    then nothing was written.
    """

    contents: ContentStore

    def act(self, act: Act, *, request_id: str | None = None, lists: Mapping[str, list[Any]] | None = None) -> Receipt:
        raise TypeError("expected an engine or a desk")

    def case_of(self, item: str) -> tuple[Case, Definition]:
        """The item as it stands, and the definition it is pinned to."""
        raise TypeError("expected an engine or a desk")

    def committed(self, item: str, definition: Definition, name: str, value: Any) -> Any:
        """A document with its personal values as commitments, as it is hashed. Others are given back as they are."""
        raise TypeError("expected an engine or a desk")

    def lines_of(self, item: str, list_: str) -> list[dict[str, Any]]:
        """The lines of a list: {no, cells, closed_seq, closed_at}, in order."""
        raise TypeError("expected an engine or a desk")

    def open(
        self,
        flow: str,
        unit: str,
        *,
        item: str,
        by: Actor | None = None,
        campaign: str = "",
        category: str = "",
        fields: Mapping[str, Any] | None = None,
        cites: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Begin to follow one thing about a unit, under the version of the flow published last."""
        act = Open(
            item=item,
            by=by,
            flow=flow,
            unit=unit,
            campaign=campaign,
            category=category,
            fields_=dict(fields or {}),
            cites=dict(cites or {}),
        )
        return self.act(act, request_id=request_id)

    def submit(
        self, item: str, by: Actor, values: Mapping[str, Value], *, outcome: str = "", request_id: str | None = None
    ) -> Receipt:
        """Hand in documents (maps) and lists (of maps), by the names the definition gives them.

        Args:
            outcome: the exit that the paper proposes and everyone then signs (``found``, ``watch``).

        Raises:
            BadMaterial: a value does not fit its field; the path and what was expected are named.
        """
        return self._hand_in(Submit, item, by, values, outcome, request_id)

    def report_zero(
        self, item: str, by: Actor, values: Mapping[str, Value], *, request_id: str | None = None
    ) -> Receipt:
        """Report zero: a statement of its own, signed at every level like any report. Source: R058."""
        return self._hand_in(ReportZero, item, by, values, "", request_id)

    def record_tally(
        self, item: str, by: Actor, values: Mapping[str, Value], *, request_id: str | None = None
    ) -> Receipt:
        """Hand in the tally sheet that the scrutineers then sign."""
        return self._hand_in(RecordTally, item, by, values, "", request_id)

    def _hand_in(
        self, verb: type[S], item: str, by: Actor, values: Mapping[str, Value], outcome: str, request_id: str | None
    ) -> Receipt:
        from workflow.rules import materials  # not needed to open a database

        case, definition = self.case_of(item)
        digests, figures, lists = {}, {}, {}
        for name, value in values.items():
            checked = materials.check(definition, name, value)
            plain, value = value, self.committed(item, definition, name, value)
            digests[name] = self.contents.put(canonical.encode(value))
            if isinstance(value, list) and isinstance(plain, list):
                lists[name] = value
                kept = closed_and_unchanged(self.lines_of(item, name), plain) if name in case.lists else []
                if kept:
                    checked["closed"] = kept
            if checked:
                figures[name] = checked
        act = verb(item=item, by=by, materials=digests, figures=figures, outcome=outcome)
        return self.act(act, request_id=request_id, lists=lists)

    def view(self, item: str, by: Actor, seen: str) -> Receipt:
        """Record that somebody opened the content, in a log of its own."""
        return self.act(View(item=item, by=by, seen=seen))

    def sign(
        self,
        item: str,
        by: Actor,
        seen: str,
        *,
        slot: str = "",
        opinion: str = "",
        vote: str = "",
        outcome: str = "",
        reason: str = "",
        due: date | str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Sign the slot that waits for this post at this unit. 谁签字上报谁负责.

        Args:
            vote: in a group decided by votes: ``agree`` (also when empty), ``against`` or ``abstain``.
        """
        act = Sign(
            item=item,
            by=by,
            seen=seen,
            slot=slot,
            opinion=opinion,
            vote=vote,
            outcome=outcome,
            reason=reason,
            due=str(due),
            proof=dict(proof or {}),
        )
        return self.act(act, request_id=request_id)

    def decide(
        self,
        item: str,
        by: Actor,
        seen: str,
        *,
        minutes: str,
        slot: str = "",
        vote: str = "",
        outcome: str = "",
        opinion: str = "",
        reason: str = "",
        due: date | str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Record what a meeting decided. ``minutes`` is their text; it goes to the content store, its digest on record.

        Args:
            vote: as for ``sign``, where the meeting is one voice of a group.
        """
        digest = self.contents.put(minutes.encode()) if minutes else ""
        act = Decide(
            item=item,
            by=by,
            seen=seen,
            slot=slot,
            minutes=digest,
            vote=vote,
            outcome=outcome,
            opinion=opinion,
            reason=reason,
            due=str(due),
            proof=dict(proof or {}),
        )
        return self.act(act, request_id=request_id)

    def accept(
        self,
        item: str,
        by: Actor,
        seen: str,
        *,
        outcome: str = "",
        opinion: str = "",
        due: date | str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Accept or not. A failing outcome carries ``due``, the date the rework must be done by. Source: R079."""
        act = Accept(
            item=item, by=by, seen=seen, outcome=outcome, opinion=opinion, due=str(due), proof=dict(proof or {})
        )
        return self.act(act, request_id=request_id)

    def send_back(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        *,
        to: str = "",
        due: date | str = "",
        straight: bool = False,
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Return with a written reason; signatures after the place returned to are superseded, never deleted.

        Args:
            to: a place before this one, or an exit that returns (``returned-…``), where the chain lets one choose.
            straight: it comes straight back: those between sign anew only if the papers change meanwhile.
        """
        act = Return(
            item=item, by=by, seen=seen, reason=reason, to=to, due=str(due), straight=straight, proof=dict(proof or {})
        )
        return self.act(act, request_id=request_id)

    def close_line(
        self,
        item: str,
        by: Actor,
        list_: str,
        no: int,
        evidence: bytes,
        *,
        note: str = "",
        request_id: str | None = None,
    ) -> Receipt:
        """Close one line of a list with its evidence (kept in the content store)."""
        digest = self.contents.put(evidence) if evidence else ""
        return self.act(
            CloseLine(item=item, by=by, list=list_, no=no, evidence=digest, note=note), request_id=request_id
        )

    def close_out(
        self,
        item: str,
        by: Actor,
        seen: str,
        *,
        opinion: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Declare the lines done, or strike the item out of the ledger (销号)."""
        act = CloseOut(item=item, by=by, seen=seen, opinion=opinion, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def look_back(
        self,
        item: str,
        by: Actor,
        seen: str,
        *,
        outcome: str = "",
        opinion: str = "",
        on: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Record a look-back after close-out: without an outcome it held; the rebound exit reopens the item.

        Args:
            on: the day it was seen, YYYY-MM-DD; asked for with a rebound where the definition says so.
        """
        act = LookBack(item=item, by=by, seen=seen, outcome=outcome, opinion=opinion, on=on, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def reopen(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        *,
        on: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """A rebound: the same item, next round. ``on`` is the day it was seen, YYYY-MM-DD. Source: R148."""
        act = Reopen(item=item, by=by, seen=seen, reason=reason, on=on, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def withdraw(self, item: str, by: Actor, slot: str, *, request_id: str | None = None) -> Receipt:
        """Take back one's own signature (撤回), while nobody has acted on it or looked since."""
        return self.act(Withdraw(item=item, by=by, slot=slot), request_id=request_id)

    def add_signer(
        self,
        item: str,
        by: Actor,
        slot: str,
        unit: str,
        post: str,
        where: str = "after",
        *,
        request_id: str | None = None,
    ) -> Receipt:
        """Ask for one more signature ``before``, ``after`` or ``beside`` the place one stands at (加签)."""
        return self.act(
            AddSigner(item=item, by=by, slot=slot, unit=unit, post=post, where=where), request_id=request_id
        )

    def remove_signer(self, item: str, by: Actor, slot: str, *, request_id: str | None = None) -> Receipt:
        """Take away an added place that has not signed (减签). What the definition demands stays."""
        return self.act(RemoveSigner(item=item, by=by, slot=slot), request_id=request_id)

    def transfer(
        self, item: str, by: Actor, slot: str, unit: str, post: str, *, request_id: str | None = None
    ) -> Receipt:
        """Hand an open place of preparing or review to another post of the unit (转办)."""
        return self.act(Transfer(item=item, by=by, slot=slot, unit=unit, post=post), request_id=request_id)

    def delegate(
        self, item: str, by: Actor, seen: str, slot: str, to: str, post: str, reason: str, **more: Any
    ) -> Receipt:
        """Let another person of the unit (``to``, holding ``post`` there) do what waits at one's own place (委派)."""
        return self._say(Delegate, item, by, seen, slot=slot, delegate=to, post=post, reason=reason, **more)

    def recall(self, item: str, by: Actor, seen: str, slot: str, **more: Any) -> Receipt:
        """Take back what was delegated and not done yet (收回委派)."""
        return self._say(Recall, item, by, seen, slot=slot, **more)

    def hand_over(
        self, item: str, by: Actor, seen: str, place: str, leaver: str, successor: str, reason: str, **more: Any
    ) -> Receipt:
        """What waits at a place passes from somebody who leaves to a successor who holds the post by then (工作交接)."""
        return self._say(
            HandOver, item, by, seen, place=place, leaver=leaver, delegate=successor, reason=reason, **more
        )

    def ask_override(self, item: str, by: Actor, seen: str, place: str, reason: str, **more: Any) -> Receipt:
        """Ask, as the first of two persons, that the chain pass over a place."""
        return self._say(AskOverride, item, by, seen, place=place, reason=reason, **more)

    def override(self, item: str, by: Actor, seen: str, place: str, reason: str, **more: Any) -> Receipt:
        """Let the chain pass over a place, as the second of two persons. It is on record as passed over, never as signed."""
        return self._say(Override, item, by, seen, place=place, reason=reason, **more)

    def suspend(self, item: str, by: Actor, seen: str, reason: str, **more: Any) -> Receipt:
        """Let an item rest (挂起): its spans stand still, its fixed dates do not."""
        return self._say(Suspend, item, by, seen, reason=reason, **more)

    def activate(self, item: str, by: Actor, seen: str, reason: str, **more: Any) -> Receipt:
        """Let a suspended item go on (激活) with what was left of each span."""
        return self._say(Activate, item, by, seen, reason=reason, **more)

    def sign_in_ink(
        self,
        item: str,
        by: Actor,
        seen: str,
        *,
        scan: bytes,
        on: date | str,
        registrar: Actor,
        verb: type[Signature] = Sign,
        **more: Any,
    ) -> Receipt:
        """Register a signature that ``by`` gave on paper: its scan, the day it was given, and who stands for it.

        Args:
            on: the day it was signed: not before the papers were handed in, the place was sent back, or those before it
                signed.
            registrar: another person, of a post that the flow lets register (``wet-ink``), at the same unit. The host says
                who; where it knows who is calling, as the HTTP interface does, that is the registrar.
            verb: what was signed: ``Sign``, ``Accept``, ``CloseOut``, ``LookBack``, ``Return``, ``Decide``.
            more: what that act carries beside: opinion, outcome, reason, due, minutes (a digest), proof, request_id.
        """
        paper = {"scan": self.contents.put(scan) if scan else "", "on": str(on)}
        paper |= {"person": registrar.person, "post": registrar.post, "unit": registrar.unit}
        return self._say(verb, item, by, seen, paper=paper, **more)

    def copy_to(self, item: str, by: Actor, reader: Actor, *, request_id: str | None = None) -> Receipt:
        """Send a copy for information (抄送). That it was read is on record when the reader opens it (``view``)."""
        act = Copy(item=item, by=by, person=reader.person, post=reader.post, unit=reader.unit)
        return self.act(act, request_id=request_id)

    def _say(self, verb: type[Signature], item: str, by: Actor, seen: str, **more: Any) -> Receipt:
        """A signed act with whatever it carries; ``proof`` and ``request_id`` as for every signature."""
        request_id = more.pop("request_id", None)
        more["proof"] = dict(more.get("proof") or {})
        return self.act(verb(item=item, by=by, seen=seen, **more), request_id=request_id)

    def urge(self, item: str, by: Actor, *, request_id: str | None = None) -> Receipt:
        """Remind whoever is awaited (催办), at most once a day for an item."""
        return self.act(Urge(item=item, by=by), request_id=request_id)

    def name_lead(self, item: str, by: Actor, lead: Actor, *, role: str = "", request_id: str | None = None) -> Receipt:
        """Name the officer who guides and urges the item; does not answer in the secretary's place.

        Args:
            role: names somebody in a role that the stage wants filled (四个一) instead of the lead.
        """
        act = NameLead(item=item, by=by, person=lead.person, post=lead.post, unit=lead.unit, role=role)
        return self.act(act, request_id=request_id)

    def post_notice(
        self,
        item: str,
        by: Actor,
        content: str,
        *,
        channel: str,
        place: str,
        seen: str = "",
        text: str = "",
        request_id: str | None = None,
    ) -> Receipt:
        """Record that a notice was posted.

        Args:
            seen: the digest of the content that was posted; what is there now where none is given.
            text: the words on the board; they go to the content store, their digest on record.
        """
        seen = seen or self.case_of(item)[0].content
        kept = self.contents.put(text.encode()) if text else ""
        act = PostNotice(item=item, by=by, content=content, channel=channel, place=place, seen=seen, text=kept)
        return self.act(act, request_id=request_id)

    def object_to(self, item: str, text: str, *, by: Actor | None = None, request_id: str | None = None) -> Receipt:
        """Object to a posted notice; the text goes to the content store. ``by`` may be withheld."""
        digest = self.contents.put(text.encode())
        return self.act(Objection(item=item, by=by, text=digest), request_id=request_id)

    def extend(
        self,
        item: str,
        by: Actor,
        seen: str,
        due: date | str,
        reason: str,
        *,
        rule: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Extend a due to a later date, where the definition lets somebody above do so. ``rule`` is the key of the due;
        without it the present stage's own is meant."""
        act = Extend(item=item, by=by, seen=seen, due=str(due), reason=reason, rule=rule, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def pause(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        *,
        rule: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Stop a due's clock where the definition lets one; another party's starts."""
        act = Pause(item=item, by=by, seen=seen, reason=reason, rule=rule, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def resume(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        *,
        rule: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Let a paused clock run again with what was left of it."""
        act = Resume(item=item, by=by, seen=seen, reason=reason, rule=rule, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def adopt_nodes(self, item: str, by: Actor, nodes: str, *, request_id: str | None = None) -> Receipt:
        """Bind an open item to a later set of dated nodes. Source: R068."""
        return self.act(AdoptNodes(item=item, by=by, nodes=nodes), request_id=request_id)

    def exempt(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        *,
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Exempt a unit from a report that it owes and has not made, by somebody above it, with a reason."""
        act = Exempt(item=item, by=by, seen=seen, reason=reason, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def supplement(
        self,
        item: str,
        by: Actor,
        seen: str,
        values: Mapping[str, Value],
        reason: str,
        *,
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Correct the unit's own report that is in (补报), with a reason. What was signed first stays readable.

        Raises:
            BadMaterial: a value does not fit its field.
        """
        from workflow.rules import materials  # not needed to open a database

        _, definition = self.case_of(item)
        digests, figures, lists = {}, {}, {}
        for name, value in values.items():
            checked = materials.check(definition, name, value)
            value = self.committed(item, definition, name, value)
            digests[name] = self.contents.put(canonical.encode(value))
            if isinstance(value, list):
                lists[name] = value
            if checked:
                figures[name] = checked
        act = Supplement(
            item=item, by=by, seen=seen, reason=reason, materials=digests, figures=figures, proof=dict(proof or {})
        )
        return self.act(act, request_id=request_id, lists=lists)

    def contradict(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        finding: str,
        *,
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Mark a zero report as contradicted by a finding from outside; the zero stays as it was signed. Source: R055."""
        act = Contradict(item=item, by=by, seen=seen, reason=reason, finding=finding, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def reverse(
        self,
        item: str,
        by: Actor,
        seen: str,
        reason: str,
        finding: str,
        *,
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Take what an item put on the count of persons off again (撤销), by somebody above it, because a finding from
        outside shows that it should not have been. All entries stay. Source: R170."""
        act = Reverse(item=item, by=by, seen=seen, reason=reason, finding=finding, proof=dict(proof or {}))
        return self.act(act, request_id=request_id)

    def record_check(
        self,
        item: str,
        by: Actor,
        seen: str,
        outcome: str,
        finding: str,
        reason: str,
        *,
        method: str = "",
        due: date | str = "",
        on: str = "",
        proof: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Receipt:
        """Put on record what a check found of an item (抽查认定), beside what its signers claim.

        Args:
            outcome: ``confirmed``: it is as claimed; ``refuted``: it is not, and the item goes back.
            finding: the item of the check, or a document or digest that shows it.
            reason: what was seen, in writing.
            method: how it was checked, one of those the definition names.
            due: the new date by which it is to be done (YYYY-MM-DD); asked for with ``refuted``. Source: R122.
            on: the day it was seen, YYYY-MM-DD, where it is recorded on a later one.
        """
        said = {"outcome": outcome, "finding": finding, "reason": reason, "method": method, "due": str(due), "on": on}
        return self._say(RecordCheck, item, by, seen, **said, proof=proof, request_id=request_id)


def closed_and_unchanged(held: list[dict[str, Any]], value: list[Any]) -> list[int]:
    """The lines closed before that stand in the new list as they were: they stay closed."""
    before = {r["no"]: r for r in held}
    return [
        no
        for no, cells in enumerate(value, start=1)
        if no in before and before[no]["closed_seq"] is not None and before[no]["cells"] == cells
    ]
