"""The tables, all with the prefix ``wf_``. SQLAlchemy Core only.

``wf_entry`` is the evidence and is never updated or deleted. ``wf_item.snapshot`` is the fold of an item's entries.
Everything else about items (open slots, dues, lines, stays) is a projection that the entries can rebuild.
Moments are integers, microseconds UTC; days are ISO text; a period's end (``until_on``) is exclusive.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy import text as sql

metadata = MetaData()

Id = String(64)
Day = String(10)
Moment = BigInteger
Serial = BigInteger().with_variant(Integer, "sqlite")

meta = Table("wf_meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

definition = Table(
    "wf_definition",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("flow", Id, nullable=False),
    Column("version", Id, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("published_at", Moment, nullable=False),
    UniqueConstraint("flow", "version"),
)

calendar = Table(
    "wf_calendar",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("name", Id, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("published_at", Moment, nullable=False),
)

# --- organisation --------------------------------------------------------------------------------------------------
# The tables hold what is known now; a row that a later entry of the chain "org" replaced stands in the table's past.


def _recorded() -> Column[int]:
    return Column("recorded_at", Moment, nullable=False, server_default="0")  # the moment of the entry that wrote it


unit = Table(
    "wf_unit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("level", Id, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),  # the order in which offices list their units
    Column("established_on", Day),  # null: should be established but is not yet
    Column("dissolved_on", Day),
    Column("part", Integer, nullable=False, server_default="0"),
    _recorded(),
)

parent = Table(
    "wf_parent",
    metadata,
    Column("unit", Id, primary_key=True),
    Column("kind", String(16), primary_key=True),  # managing, guiding, entrusted
    Column("from_on", Day, primary_key=True),
    Column("until_on", Day),
    Column("parent", Id, nullable=False),
    _recorded(),
    Index("wf_parent_children", "parent", "kind"),
)

person = Table(
    "wf_person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    _recorded(),
)

tenure = Table(
    "wf_tenure",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person", Id, nullable=False),
    Column("unit", Id, nullable=False),
    Column("post", Id, nullable=False),
    Column("from_on", Day, nullable=False),
    Column("until_on", Day),
    Column("acting", Boolean, nullable=False, server_default=sql("false")),
    _recorded(),
    Index("wf_tenure_post", "unit", "post", "from_on"),
    Index("wf_tenure_person", "person"),
)

former_name = Table(  # what a unit or a person was called, and a unit's level, on days before the present name
    "wf_former_name",
    metadata,
    Column("of", String(8), primary_key=True),  # unit, person
    Column("id", Id, primary_key=True),
    Column("from_on", Day, primary_key=True),
    Column("until_on", Day, nullable=False),
    Column("level", Id, nullable=False),  # empty for a person
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    _recorded(),
)

succession = Table(  # where a dissolved unit's work went
    "wf_succession",
    metadata,
    Column("unit", Id, primary_key=True),
    Column("successor", Id, primary_key=True),
    Column("from_on", Day, nullable=False),
    _recorded(),
)

mandate = Table(
    "wf_mandate",
    metadata,
    Column("id", Id, primary_key=True),
    Column("tenure", Id, nullable=False),  # of the holder, who stays the principal however often it is handed on
    Column("principal", Id, nullable=False),
    Column("giver", Id, nullable=False),
    Column("person", Id, nullable=False),  # who may sign
    Column("unit", Id, nullable=False),
    Column("post", Id, nullable=False),
    Column("from_on", Day, nullable=False),
    Column("until_on", Day, nullable=False),
    Column("flow", Id, nullable=False),  # empty: any; the same for stage and kind
    Column("stage", Id, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("units", Text, nullable=False),  # JSON: the units whose items, and those below, it covers; [] is all
    Column("handing_on", Boolean, nullable=False, server_default=sql("false")),
    Column("under", Id, nullable=False),  # the mandate it was handed on from, or empty
    Column("content", String(80), nullable=False),  # the digest of the written text
    Column("revoked_at", Moment),
    _recorded(),
    Index("wf_mandate_person", "person", "unit", "post"),
    Index("wf_mandate_tenure", "tenure"),
)

body = Table(  # bodies whose members sit elsewhere in the tree: leading groups, offices, roving groups
    "wf_body",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Id, nullable=False),
    Column("unit", Id, nullable=False),  # which unit formed it
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("from_on", Day, nullable=False),
    Column("until_on", Day),
    _recorded(),
)

member = Table(  # who belongs to a unit or a body; a member of a body is a person, or whoever holds a post
    "wf_member",
    metadata,
    Column("id", Id, primary_key=True),
    Column("of", String(8), nullable=False),  # unit, body
    Column("group", Id, nullable=False),
    Column("person", Id, nullable=False),
    Column("unit", Id, nullable=False),
    Column("post", Id, nullable=False),
    Column("role", Id, nullable=False),
    Column("from_on", Day, nullable=False),
    Column("until_on", Day),
    _recorded(),
    Index("wf_member_group", "of", "group"),
    Index("wf_member_person", "person"),
)

assignment = Table(  # which units a body looks after; what a person answers for beside the first-responsible one
    "wf_assignment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("duty", Id, nullable=False),  # supervision, secondary, ...
    Column("body", Id, nullable=False),
    Column("person", Id, nullable=False),
    Column("unit", Id, nullable=False),
    Column("item", Id, nullable=False),  # empty: all items of the unit
    Column("from_on", Day, nullable=False),
    Column("until_on", Day),
    _recorded(),
    Index("wf_assignment_unit", "unit", "duty"),
    Index("wf_assignment_body", "body"),
)


def _past_of(table: Table) -> Table:
    """The rows of a table that later entries replaced, as they were, and until when they were held to be so."""
    columns = [Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable) for c in table.columns]
    columns[-1] = Column("recorded_at", Moment, primary_key=True, autoincrement=False)
    return Table(f"{table.name}_past", metadata, *columns, Column("superseded_at", Moment, nullable=False))


ORGANISATION = {
    "units": unit,
    "persons": person,
    "parents": parent,
    "tenures": tenure,
    "former-names": former_name,
    "successions": succession,
    "mandates": mandate,
    "bodies": body,
    "members": member,
    "assignments": assignment,
}
PAST = {name: _past_of(table) for name, table in ORGANISATION.items()}

# --- items and their evidence --------------------------------------------------------------------------------------

item = Table(
    "wf_item",
    metadata,
    Column("id", Id, primary_key=True),
    Column("flow", Id, nullable=False),
    Column("definition", String(80), nullable=False),
    Column("campaign", Id, nullable=False),
    Column("unit", Id, nullable=False),
    Column("stage", Id, nullable=False),
    Column("round", Integer, nullable=False),
    Column("klass", String(16), nullable=False),
    Column("category", Id, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("seq", Integer, nullable=False),  # the version: the head of the item's chain
    Column("head", LargeBinary(32), nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    Column("part", Integer, nullable=False, server_default="0"),
    Index("wf_item_unit", "unit", "flow", "campaign", "stage", "klass", "final"),  # counts are read from it alone
    Index("wf_item_listed", "opened_at", "id"),
    Index("wf_item_flow", "flow", "campaign", "stage", "klass", "final", "unit"),  # so are those of a whole campaign
    Index("wf_item_unannounced", "unit", "id", sqlite_where=sql("klass = 'unannounced'")),
)

CHECKS = "act = 'record-check'"  # as a literal too
MARKS = "act IN ('contradict', 'exempt', 'supplement')"  # as a literal, or a plan cannot use the index

entry = Table(
    "wf_entry",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("chain", Id, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("act", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("request_id", String(128)),
    Column("request_digest", LargeBinary(32)),
    UniqueConstraint("chain", "seq"),
    UniqueConstraint("request_id"),
    Index("wf_entry_marks", "chain", "act", "at", sqlite_where=sql(MARKS)),
    Index("wf_entry_checks", "chain", "seq", sqlite_where=sql(CHECKS)),
)

chain = Table(  # heads of chains that are not items: org, views of an item
    "wf_chain",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
)

slot = Table(  # the places that wait for a signature now
    "wf_slot",
    metadata,
    Column("item", Id, primary_key=True),
    Column("key", String(16), primary_key=True),
    Column("unit", Id, nullable=False),
    Column("post", Id, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("stage", Id, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Index("wf_slot_awaited", "unit", "post"),
)

line = Table(
    "wf_line",
    metadata,
    Column("item", Id, primary_key=True),
    Column("list", Id, primary_key=True),
    Column("no", Integer, primary_key=True),
    Column("cells", LargeBinary, nullable=False),
    Column("closed_seq", Integer),
    Column("closed_at", Moment),
)

stay = Table(  # which stage from when to when: the past, answerable at any instant
    "wf_stay",
    metadata,
    Column("item", Id, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("stage", Id, nullable=False),
    Column("round", Integer, nullable=False),
    Column("entered_at", Moment, nullable=False),
    Column("left_at", Moment),
    Column("exit", Id),
)

due = Table(
    "wf_due",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("part", Integer, nullable=False, server_default="0"),
    Column("item", Id, nullable=False),
    Column("rule", String(96), nullable=False),
    Column("ladder", Id, nullable=False),
    Column("missed_at", Moment, nullable=False),  # the first instant at which the duty counts as missed
    Column("step", Integer, nullable=False),  # the next rung
    Column("next_at", Moment),  # when the next rung fires; null when none is left
    # 0 waiting for a rung, 1 met, 2 waiting for none (none is left, or paused), 3 cancelled, 4 missed by a predecessor
    Column("state", Integer, nullable=False),
    Column("met_at", Moment),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("provisional", Boolean, nullable=False, server_default=sql("false")),  # a calendar to come may move it
    UniqueConstraint("item", "rule"),
    Index("wf_due_open", "next_at", "id", sqlite_where=sql("state = 0")),
)


outbox = Table(
    "wf_outbox",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("dedupe", String(160), nullable=False, unique=True),
    Column("topic", String(32), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_try_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", Moment),
    Column("notice", String(200)),  # the notice it went into, once: a try after a crash sends exactly the same
    Index(
        *("wf_outbox_waiting", "next_try_at", "id"),
        sqlite_where=sql("sent_at IS NULL"),
    ),
    Index(  # everything that one recipient waits for goes into one notice
        *("wf_outbox_recipient", "recipient", "id"),
        sqlite_where=sql("sent_at IS NULL"),
    ),
    Index("wf_outbox_notice", "notice"),
    Index(  # what persons were let do, and what they were sent to read: few of many messages
        *("wf_outbox_places", "recipient", "id"),
        sqlite_where=sql("topic IN ('delegated', 'handed-over', 'copied')"),
    ),
)

count = Table(  # what was held with persons and counts, over all items; (counter, person, n) keeps two from being one
    "wf_count",
    metadata,
    Column("counter", Id, primary_key=True),
    Column("person", Id, primary_key=True),  # of one who has two ids, the one that both are numbered under
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("item", Id, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("held_on", Day, nullable=False),
    Column("held_by", Id, nullable=False),
    Column("campaign", Id, nullable=False),
    Column("opened", Id, nullable=False),  # the proposal it led to, or empty
    Column("reversed_seq", Integer),  # the entry of the item that took it off again
    Index("wf_count_item", "item"),
    Index("wf_count_person", "person"),
)

claim = Table(  # what an item's own signers say it is, and what a check found since; the entries have all of them
    "wf_claim",
    metadata,
    Column("item", Id, primary_key=True),
    Column("claimed", Id, nullable=False),  # empty where nothing is claimed
    Column("claimed_at", Moment),
    Column(
        "verified", String(16), nullable=False
    ),  # confirmed, refuted; empty: nobody has said, which confirms nothing
    Column("verified_at", Moment),
    Column("finding", Text, nullable=False),
)

burden = Table(  # a visit to a unit, or a request to it, once it is fixed: none at the same time, and not too many
    "wf_burden",
    metadata,
    Column("kind", Id, primary_key=True),
    Column("unit", Id, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),  # two at the same moment: the second is refused
    Column("item", Id, nullable=False),
    Column("flow", Id, nullable=False),
    Column("from_on", Day, nullable=False),
    Column("until_on", Day, nullable=False),  # included
    Column("state", String(16), nullable=False),  # fixed, held, empty (held without an outcome), called-off
    Column("persons", Integer, nullable=False),
    Index("wf_burden_item", "item", unique=True),
    Index("wf_burden_days", "kind", "from_on"),
)

seat = Table(  # what only so many items have at once: the first of a grade, an officer dedicated to one item
    "wf_seat",
    metadata,
    Column("seat", String(255), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),  # two at the same moment: the second is refused
    Column("item", Id, nullable=False),
    Index("wf_seat_item", "item"),
)

words = Table(  # digests of texts that should be an item's own: the same one twice is flagged
    "wf_words",
    metadata,
    Column("item", Id, primary_key=True),
    Column("field", String(130), primary_key=True),  # material.field
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("flow", Id, nullable=False),
    Column("campaign", Id, nullable=False),
    Column("digest", String(16), nullable=False),
    Index("wf_words_same", "flow", "campaign", "field", "digest"),
)

roll_call = Table(  # one row for each rung of each period: whoever had not reported was followed up, once
    "wf_roll_call",
    metadata,
    Column("flow", Id, primary_key=True),
    Column("rule", Id, primary_key=True),  # the obligation, with "@" and a calendar for those who count by another
    Column("period", Id, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("moment", Moment, nullable=False),
    Column("done_at", Moment),
    Column("missing", Integer, nullable=False, server_default="0"),
    Column("opened", Integer, nullable=False, server_default="0"),
)

heartbeat = Table(
    "wf_heartbeat",
    metadata,
    Column("node", String(96), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("fired", BigInteger, nullable=False, server_default="0"),
)

# --- what may be destroyed while the evidence stands --------------------------------------------------------------

subject = Table(  # a key for each person whose data others hand in; erasing the person destroys it
    "wf_subject",
    metadata,
    Column("subject", String(80), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

personal = Table(  # what commitments in documents stand for, sealed under the subject's key
    "wf_personal",
    metadata,
    Column("commitment", String(80), primary_key=True),
    Column("subject", String(80), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("wf_personal_subject", "subject"),
)

ballot = Table(  # the vote of one stay of an item: a single row, written anew as a whole by every vote
    "wf_ballot",
    metadata,
    Column("item", Id, primary_key=True),
    Column("stay", Integer, primary_key=True, autoincrement=False),
    # No row, moment or number belongs to one paper: rows of their own keep the order of casting in xmin, ctid and rowid.
    Column("unused", LargeBinary, nullable=False),  # hashes of codes, sorted, 32 bytes each
    Column("used", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),  # sealed papers of one length, sorted
    Column("result", LargeBinary),  # once counted; what is above is empty then
)

content = Table(  # documents and evidence under their digests, where a host keeps them here rather than on disk
    "wf_content",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

# --- the log -------------------------------------------------------------------------------------------------------

log_epoch = Table(  # one tree over all entries; the newest row is the one that grows, by one writer at a time
    "wf_log_epoch",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("origin", String(128), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("opened_seq", Integer),  # the entry of chain "log" that opened it; null for the first
    Column("previous", Text),  # the checkpoint that it continues from: origin, size, root
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("low", BigInteger, nullable=False),  # every entry up to this id is in the log, or its id lies in a gap
)

log_leaf = Table(
    "wf_log_leaf",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),  # from 0, without holes
    Column("entry", BigInteger, nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    UniqueConstraint("epoch", "entry"),
)

log_node = Table(  # every eighth level above the leaves, so that proofs read little
    "wf_log_node",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

log_gap = Table(  # ids not visible when later ones were: rolled back, or still to be committed
    "wf_log_gap",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

checkpoint = Table(
    "wf_checkpoint",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Text, nullable=False),
)

cosignature = Table(
    "wf_cosignature",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", String(192), primary_key=True),  # the key as it is handed on: name+hash+base64
    Column("line", Text, nullable=False),
)


@event.listens_for(metadata, "before_create")
def _partial_on_postgresql(_: MetaData, connection: Any, **_more: Any) -> None:
    """Indexes of some rows are so on PostgreSQL too. Told only now: ``postgresql_where`` at an index imports that
    dialect with all its drivers, in every process."""
    if connection.dialect.name == "postgresql":
        for table in metadata.tables.values():
            for index in table.indexes:
                index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
