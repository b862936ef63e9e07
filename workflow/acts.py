"""Every verb as a frozen value. Hosts, adapters, import, the simulator and replay all hand the same acts to the engine.

An act names who does what as which post; it carries digests of content, never content itself. ``record`` gives the
plain form that stands in the entry, ``act_of`` reads it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Actor:
    """A person in one capacity: the same person in two posts is two actors. Source: R020."""

    person: str
    post: str
    unit: str

    def __str__(self) -> str:
        return f"{self.person} as {self.post}@{self.unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """The base of all acts. ``by`` is None only for what the engine itself does: remind, propose, open what was signed."""

    kind: ClassVar[str] = ""
    item: str
    by: Actor | None = None
    on: str = ""  # the day it happened, YYYY-MM-DD, where it is recorded on a later one: both stay on record (R203)

    def record(self) -> dict[str, Any]:
        """The act as plain data, empty fields left out."""
        out: dict[str, Any] = {"kind": self.kind}
        known = _NAMES.get(type(self))
        if known is None:
            names = tuple(f.name for f in fields(self))
            known = _NAMES[type(self)] = names, attrgetter(*names)
        names, values = known
        for name, value in zip(names, values(self), strict=True):
            if not value and type(value) not in (int, list):
                continue
            if isinstance(value, Actor):
                value = {"person": value.person, "post": value.post, "unit": value.unit}
            elif isinstance(value, tuple):
                value = list(value)
            out[name] = value
        return out


# The fields of each kind of act, asked of its class once, and what reads them.
_NAMES: dict[type, tuple[tuple[str, ...], Callable[[Act], tuple[Any, ...]]]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Open(Act):
    """Begin to follow one thing. ``enter`` is the exit of the first stage by which a signed report leads in:
    the report did the first stage's work, and ``cites`` names its entry."""

    kind: ClassVar[str] = "open"
    flow: str
    unit: str
    campaign: str = ""
    enter: str = ""
    category: str = ""
    fields_: dict[str, Any] = field(default_factory=dict)
    cites: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Submit(Act):
    """Hand in documents and lists, by digest. ``figures`` are the few values that rules decide on (a tally's numbers,
    a score, how many lines); ``outcome`` proposes the exit that everyone then signs; ``relies`` cites children."""

    kind: ClassVar[str] = "submit"
    materials: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcome: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportZero(Submit):
    """A zero report: a statement of its own, never the default of an empty form. Source: R058."""

    kind: ClassVar[str] = "report-zero"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordTally(Submit):
    """Hand in the tally sheet that the scrutineers then sign."""

    kind: ClassVar[str] = "record-tally"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature(Act):
    """What all acts on a slot share. ``seen`` is the digest of the content that was shown to the person."""

    seen: str
    slot: str = ""
    opinion: str = ""
    vote: str = ""  # in a group decided by votes: agree (also when empty), against, abstain
    outcome: str = ""
    reason: str = ""
    minutes: str = ""
    due: str = ""  # the date a rework must be done by, YYYY-MM-DD
    proof: dict[str, Any] = field(default_factory=dict)  # how the person proved who they are: see recording.py
    paper: dict[str, str] = field(
        default_factory=dict
    )  # signed in ink: {scan, on, person, post, unit} of the registrar


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign(Signature):
    """Sign a slot. 谁签字上报谁负责."""

    kind: ClassVar[str] = "sign"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decide(Signature):
    """Record what a meeting decided, with the digest of its minutes."""

    kind: ClassVar[str] = "decide"


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept(Signature):
    """Accept or not, item by item; a failing outcome carries the new date. Source: R079, R134."""

    kind: ClassVar[str] = "accept"


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseOut(Signature):
    """Strike the item out of the ledger (销号), or declare its lines done."""

    kind: ClassVar[str] = "close-out"


@dataclass(frozen=True, kw_only=True, slots=True)
class LookBack(Signature):
    """Record a look-back after close-out: ``held`` or ``rebound``."""

    kind: ClassVar[str] = "look-back"


@dataclass(frozen=True, kw_only=True, slots=True)
class Return(Signature):
    """Send back with a reason. Signatures after the place returned to are superseded, never deleted."""

    kind: ClassVar[str] = "return"
    to: str = ""  # a slot's key, or an exit that returns, where the chain allows any; otherwise as the chain says
    straight: bool = False  # whoever signed in between has not to sign again, unless the papers change meanwhile


@dataclass(frozen=True, kw_only=True, slots=True)
class Reopen(Signature):
    """A rebound found between look-backs: the same item, next round. Source: R148."""

    kind: ClassVar[str] = "reopen"


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseLine(Act):
    """Close one line of a list with its evidence."""

    kind: ClassVar[str] = "close-line"
    list: str
    no: int
    evidence: str
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NameLead(Act):
    """Name the officer who guides and urges the item (包抓责任人)."""

    kind: ClassVar[str] = "name-lead"
    person: str
    post: str
    unit: str
    role: str = ""  # a role that the stage wants filled; the lead where empty


@dataclass(frozen=True, kw_only=True, slots=True)
class PostNotice(Act):
    """Record that a notice was posted: channel, place; ``seen`` is the content it was posted over, ``text`` the digest of
    the very words on the board where they are kept. Source: R162."""

    kind: ClassVar[str] = "post-notice"
    content: str
    channel: str
    place: str
    seen: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection(Act):
    """An objection to a posted notice. It holds the item; the text goes to the content store, the digest here."""

    kind: ClassVar[str] = "objection"
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AdoptNodes(Act):
    """Bind an open item to a later set of dated nodes; its dues are armed anew. Source: R068."""

    kind: ClassVar[str] = "adopt-nodes"
    nodes: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdraw(Act):
    """Take back one's own signature (撤回), while nobody has acted on it or looked since."""

    kind: ClassVar[str] = "withdraw"
    slot: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AddSigner(Act):
    """Ask for one more signature ``before``, ``after`` or ``beside`` the place one stands at (加签)."""

    kind: ClassVar[str] = "add-signer"
    slot: str
    unit: str
    post: str
    where: str = "after"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveSigner(Act):
    """Take away an added place that has not signed (减签)."""

    kind: ClassVar[str] = "remove-signer"
    slot: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer(Act):
    """Hand an open place of preparing or review to another post of the unit (转办)."""

    kind: ClassVar[str] = "transfer"
    slot: str
    unit: str
    post: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Delegate(Signature):
    """Let another person of the unit do what waits at one's own open place (委派); both are on record, and it can be
    recalled. ``post`` is what that person is at the unit."""

    kind: ClassVar[str] = "delegate"
    delegate: str
    post: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall(Signature):
    """Take back what was delegated (收回委派) and not done yet."""

    kind: ClassVar[str] = "recall"


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOver(Signature):
    """What waits at a place passes from somebody who leaves to a successor who holds the post by then (工作交接)."""

    kind: ClassVar[str] = "hand-over"
    place: str
    leaver: str
    delegate: str  # the successor


@dataclass(frozen=True, kw_only=True, slots=True)
class AskOverride(Signature):
    """The first of two persons who let the chain pass over a place: it asks, and nothing moves."""

    kind: ClassVar[str] = "ask-override"
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Override(Signature):
    """The second of two persons: the chain passes over the place, which is on record as passed over, never as signed."""

    kind: ClassVar[str] = "override"
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspend(Signature):
    """Let an item rest (挂起): nobody acts on it, spans of time stand still, fixed dates do not."""

    kind: ClassVar[str] = "suspend"


@dataclass(frozen=True, kw_only=True, slots=True)
class Activate(Signature):
    """Let a suspended item go on (激活): what was left of each span is left now."""

    kind: ClassVar[str] = "activate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy(Act):
    """Send a copy to somebody for information (抄送). They sign nothing; that they read it is on record when they do."""

    kind: ClassVar[str] = "copy"
    person: str
    post: str
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Urge(Act):
    """Remind whoever is awaited (催办), each place at most once a day."""

    kind: ClassVar[str] = "urge"


@dataclass(frozen=True, kw_only=True, slots=True)
class View(Act):
    """Somebody opened the content. Kept in a log of its own."""

    kind: ClassVar[str] = "view"
    seen: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fire(Act):
    """The engine fires the next rung of a due: it reminds, or proposes to people. It decides nothing."""

    kind: ClassVar[str] = "fire"
    rule: str
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Extend(Signature):
    """Give a due a later date (``due``), once, by somebody above, with a reason, within what the definition allows."""

    kind: ClassVar[str] = "extend"
    rule: str = ""  # the key of the due; the present stage's own where empty


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause(Signature):
    """Stop a due's clock with a reason; another party's clock starts."""

    kind: ClassVar[str] = "pause"
    rule: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resume(Signature):
    """Let a paused clock run again: what was left when it stopped is left now. The other party's clock ends."""

    kind: ClassVar[str] = "resume"
    rule: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReprojectDue(Act):
    """The engine counts an item's provisional dates again, because a calendar was published. It decides nothing.

    ``settled``: those of its dues, by their keys, that are counted again although no notice was awaited for them.
    """

    kind: ClassVar[str] = "reproject-due"
    settled: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exempt(Signature):
    """A unit need not report for this period: said by somebody above it, with a reason."""

    kind: ClassVar[str] = "exempt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Supplement(Signature):
    """The reporting unit corrects its own report that is in (补报), with a reason. The first version stays readable."""

    kind: ClassVar[str] = "supplement"
    materials: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradict(Signature):
    """A zero report is contradicted by a finding from outside. The zero stays as it was signed. Source: R055."""

    kind: ClassVar[str] = "contradict"
    finding: str = ""  # the item, document or digest that shows it


@dataclass(frozen=True, kw_only=True, slots=True)
class Reverse(Signature):
    """Take what an item put on the count of persons off again (撤销), because a finding from outside shows that it should
    not have been. What was counted and what followed stay on record. Source: S4 「累计约谈两次以上」, R170."""

    kind: ClassVar[str] = "reverse"
    finding: str = ""  # the item, document or digest that shows it


CONFIRMED, REFUTED = "confirmed", "refuted"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordCheck(Signature):
    """Put on record what a check found of an item (抽查认定): what was claimed is ``confirmed``, or ``refuted`` and sent back
    with a new date (``due``). What was claimed stays beside it. Source: S0 「督促限期整改到位」, R122; R114, R115."""

    kind: ClassVar[str] = "record-check"
    finding: str = ""  # the item, document or digest of the check
    method: str = ""  # how it was checked


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenBallot(Signature):
    """Freeze the roll of a vote and open its box. By the issuer of the codes, who neither counts nor signs the sheet.

    ``roll`` is the digest of the names, ``codes`` of the sorted hashes of one-time codes, one for each name and none for
    anybody's; ``keys`` by scrutineer the key that papers are sealed to. Source: S0 「职工群众测评」, R134.
    """

    kind: ClassVar[str] = "open-ballot"
    roll: str = ""
    eligible: int = 0
    codes: str = ""
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveItem(Act):
    """The engine moves an open item to the successor of a unit that is no more; ``cites`` names the entry of the
    organisation's chain that dissolved it. Source: R070."""

    kind: ClassVar[str] = "move-item"
    gone: str
    successor: str
    cites: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Migrate(Act):
    """Move a live item to another version of its flow (``to``, a digest), by somebody of the top unit, with a reason.

    ``stage`` names the stage of that version which stands for the present one, where it is called otherwise; ``count``
    is ``now`` where dates are counted from the migration instead of the stage's entry; ``plan`` is the digest of the
    batch it belongs to; ``undoes`` the number of the entry that it takes back.
    """

    kind: ClassVar[str] = "migrate"
    to: str
    reason: str
    stage: str = ""
    count: str = ""
    plan: str = ""
    undoes: int | None = None


SIGNATURES: tuple[type[Signature], ...] = (Sign, Decide, Accept, CloseOut, LookBack, Return, Reopen)
SIGNATURES += (Extend, Pause, Resume)
SIGNATURES += (Exempt, Supplement, Contradict, Reverse)
SIGNATURES += (OpenBallot, RecordCheck)
SIGNATURES += (Delegate, Recall, HandOver, AskOverride, Override, Suspend, Activate)
_VERBS: tuple[type[Act], ...] = (Open, Submit, ReportZero, RecordTally, CloseLine, NameLead, PostNotice)
_VERBS += (
    Objection,
    AdoptNodes,
    Withdraw,
    AddSigner,
    RemoveSigner,
    Transfer,
    Urge,
    View,
    Fire,
    ReprojectDue,
    MoveItem,
    Migrate,
    Copy,
)
KINDS: dict[str, type[Act]] = {c.kind: c for c in (*_VERBS, *SIGNATURES)}


def act_of(record: dict[str, Any]) -> Act:
    """The act of an entry, read back from its plain form."""
    rest = dict(record)
    cls = KINDS[rest.pop("kind")]
    if "by" in rest:
        rest["by"] = Actor(**rest["by"])
    return cls(**rest)
