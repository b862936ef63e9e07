"""What a flow file means, as frozen values: the one shape that loader, rules, linter and schema share.

Keys in a file are the kebab-case forms of the names here. Several keys accept a short form (``due: 5 workdays``,
``exits: {passed: closed}``); validators expand it, so that the rules only ever see the long one. The canonical form
(``Flow.canonical``) is the long one too: two files that mean the same have the same digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError


def _kebab(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_kebab)


def _code(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"expected a code such as self-check; got {value!r}. Put numbers and yes/no in quotes")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", value):
        raise ValueError(f"expected a code of small letters, digits and hyphens (at most 64); got {value!r}")
    return value


_AMBIGUOUS = re.compile(
    r"[上中下]旬|[年月季]?[初中底末]|前后|左右|\b(?:early|mid|late|end|beginning|before|by)\b", re.IGNORECASE
)


def _day(value: Any) -> Any:
    if isinstance(value, date) and not hasattr(value, "hour"):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, str) and _AMBIGUOUS.search(value):
        raise ValueError(f"expected one day such as 2019-11-20, with reading: how it was read; got {value!r}")
    raise ValueError(f"expected a date such as 2019-10-31; got {value!r}")


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


Code = Annotated[str, BeforeValidator(_code)]
Day = Annotated[date, BeforeValidator(_day), PlainSerializer(lambda d: d.isoformat(), return_type=str)]
Count = Annotated[StrictInt, Field(ge=1, le=10_000)]

OWN = "own"
RELATIVE = ("own", "superior", "next-above", "top")


PERIODS = ("campaign", "year", "always")


class Text(Model):
    """A text for people in both languages; a bare string stands for both."""

    zh: StrictStr
    en: StrictStr

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"zh": value, "en": value}
        if isinstance(value, dict) and len(value) == 1 and ("zh" in value or "en" in value):
            only = next(iter(value.values()))
            return {"zh": only, "en": only}
        return value

    def get(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


SpanUnit = Literal["workdays", "days", "hours", "weeks", "months", "years"]
_SPAN = re.compile(r"([0-9]{1,4}) (workday|day|hour|week|month|year)s?")


class Span(Model):
    """A length of time as people write it: ``10 workdays``. Days without "work" are calendar days."""

    n: StrictInt
    unit: SpanUnit

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = _SPAN.fullmatch(value)
            if match:
                return {"n": int(match[1]), "unit": match[2] + "s"}
        raise ValueError(f"expected a span such as 10 workdays, 30 days, 2 hours or 12 months; got {value!r}")

    @model_serializer
    def _string(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{self.n} {self.unit}"


def _period(value: Any) -> Any:
    """What a count accumulates within: one of ``PERIODS``, or a span back from the day."""
    if value in PERIODS:
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match and match[2] in ("day", "week", "month", "year") and int(match[1]):
        return f"{match[1]} {match[2]}s"
    raise ValueError(f"expected a period: campaign, year, always, or a span such as 12 months; got {value!r}")


class Who(Model):
    """A post at a unit relative to the item: ``secretary`` (own unit), ``{secretary: superior}``, ``{department: third}``.

    ``of`` is ``own``, ``superior`` (one up from the item's unit), ``next-above`` (one up from the unit that acted last),
    ``top``, or the name of a level: the nearest unit of that level or, where the level is absent, the next level above.
    """

    post: Code
    of: Code = OWN

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return _post_of(value)


def _post_of(value: Any) -> Any:
    if isinstance(value, str):
        return {"post": value}
    if isinstance(value, dict) and len(value) == 1 and "post" not in value and "of" not in value:
        post, of = next(iter(value.items()))
        return {"post": post, "of": of}
    return value


Whos = Annotated[tuple[Who, ...], BeforeValidator(_one_or_many)]
Codes = Annotated[tuple[Code, ...], BeforeValidator(_one_or_many)]


class Node(Model):
    """A dated node; ``reading`` says how an ambiguous wording was read. Source: S0 「11月中旬前」, R067."""

    on: Day
    reading: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"on": value}


class NodeSet(Model):
    """One version of a campaign's dated nodes, in force from a day on. Source: R068."""

    in_force: Day
    nodes: dict[Code, Node]

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict) and "nodes" not in value:
            return {
                **({"in-force": value["in-force"]} if "in-force" in value else {}),
                "nodes": {k: v for k, v in value.items() if k != "in-force"},
            }
        return value


_SHARE = re.compile(r"(>=|>) ?([0-9]{1,3}%|[0-9]{1,4}/[0-9]{1,4})")


def _share(value: Any) -> Any:
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if not match or match[2].endswith("/0"):
        raise ValueError(f'expected a share such as ">= 2/3" or "> 50%"; got {value!r}')
    return f"{match[1]} {match[2]}"


Share = Annotated[StrictStr, BeforeValidator(_share)]


def _need(value: Any) -> Any:
    if value in (None, "all", "any") or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    return _share(value)


def _snake(name: str) -> str:
    return name.replace("-", "_")


SlotKind = Literal["prepare", "review", "decision", "sign", "seal"]


class Post(Model):
    """An office. Definitions name posts, never persons."""

    title: Text
    may: Literal["prepare", "review", "sign", "seal", "record"] = "sign"
    first_responsible: StrictBool = False
    backstop: Literal["superior"] | None = None


Delicate = Literal["criminal-record", "religion", "discipline", "health", "family", "other"]


class FieldSpec(Model):
    """One field of a document or of a list's lines."""

    type: Literal["text", "integer", "date", "choice", "boolean", "decimal", "unit", "person", "digest"]
    title: Text | None = None
    required: StrictBool = True
    max: StrictInt | None = None
    min: StrictInt | None = None
    choices: tuple[StrictStr, ...] | None = None
    choices_from: Literal["categories"] | None = None
    personal: StrictBool | StrictStr = False  # or the field that names the person whose data it is
    delicate: Delicate | None = None  # what must not be gathered without saying why, for whom and how long (R028, R221)
    purpose: Text | None = None
    readers: Codes = ()  # posts
    keep_for: Span | None = None  # of a personal field: how long after the item is closed its value is kept
    line_of: Code | None = None  # the number of a line of that list, which this line belongs to (R101)
    covering: StrictBool = False  # every line of that list is named by one of these at least
    masked: StrictBool = False  # a number that may be unknown, written ** : unknown is not zero (R031)
    own_words: StrictBool = False  # a text of its own for each item or line: the same one twice is flagged (R108)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


class Part(Model):
    """One part of a scorecard: how many points it has, in which ways it may be judged, and whether it wants evidence.
    Source: S3 「采取查阅资料、听取汇报、座谈了解等方式……进行量化评分」, R130."""

    title: Text
    points: Count
    methods: Codes = ()
    evidence: StrictBool = True


class Material(Model):
    """A document, list, tally or scorecard that an item carries. Lists are closed out line by line; a scorecard has
    ``parts`` beside its fields, each judged by one of the ``methods``."""

    title: Text
    kind: Literal["document", "list", "tally", "scorecard"] = "document"
    fields: dict[Code, FieldSpec] = {}
    at_least: StrictInt | None = None
    at_most: StrictInt | None = None  # lines of a list: one or two that are followed in full, never three (R123)
    keep_for: Span | None = None  # how long after the item is closed the document is kept; its digest stays
    compiled: Code | None = None  # a list that nobody types: the flow whose register it says (R097)
    keep_lines: StrictBool = False  # a line keeps its number: handed in again, the list only grows (R101)
    parts: dict[Code, Part] = {}
    methods: dict[Code, Text] = {}


BESIDE_POST = (
    "in-person",
    "within",
    "ladder",
    "kind",
    "minutes",
    "weight",
    "one-by-one",
    "delegable",
)  # of a short form
_STEP_KEYS = (
    "of",
    "body",
    "recorded-by",
    "need",
    "veto",
    "turnout",
)  # beside those of the short form: none of them is a post


class Step(Model):
    """One place in a chain. Short forms: ``handler``; ``{department: superior}``; ``{seal: seal-keeper}``;
    ``{decision: committee-meeting, recorded-by: department, minutes: required}``.

    Or a group of places: ``{together: [...], need: ">= 2/3"}`` signs side by side and is decided by ``need`` (all, any,
    a count, or a share of all weights); ``{in-turn: [...]}`` is a sequence inside such a group.
    """

    post: Code | None = None
    of: Code = OWN
    kind: SlotKind | None = None
    body: Code | None = None
    minutes: Literal["required"] | None = None
    in_person: StrictBool = False
    within: Span | None = None  # the sign-for clock (响应): from the moment the place opens
    ladder: Code | None = None  # of that clock; without one it only records what was late
    weight: Count = 1
    one_by_one: StrictBool = False  # refuses to be signed among many at once
    delegable: StrictBool = False  # may be delegated though it is to be signed; preparing and reviewing always may
    together: tuple[Step, ...] = ()
    in_turn: tuple[Step, ...] = ()
    need: Annotated[str | int | None, BeforeValidator(_need)] = None
    veto: Codes = ()
    turnout: Share | None = None

    def leaves(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Step]]:
        """The single places of this step with their path below it, in signing order; a single place is its own."""
        if not self.together and not self.in_turn:
            yield path, self
        for name, group in (("together", self.together), ("in-turn", self.in_turn)):
            for n, step in enumerate(group):
                yield from step.leaves((*path, name, n))

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        given = [n for n in ("post", "together", "in-turn") if getattr(self, _snake(n))]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of post, together, in-turn; got {', '.join(given) or 'none'}")
        if not self.together and (self.need is not None or self.veto or self.turnout is not None):
            raise ValueError("expected need, veto and turnout only beside together; got them beside " + given[0])
        return self

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict) and "post" not in value and "together" not in value and "in-turn" not in value:
            rest = dict(value)
            if "decision" in rest:
                if "recorded-by" not in rest:
                    raise ValueError("expected recorded-by: the post that records the minutes of the meeting; got none")
                return {"kind": "decision", "body": rest.pop("decision"), "post": rest.pop("recorded-by"), **rest}
            if "seal" in rest:
                return {"kind": "seal", "post": rest.pop("seal"), **rest}
            extra = {k: rest.pop(k) for k in BESIDE_POST if k in rest}
            if len(rest) == 1 and next(iter(rest)) not in _STEP_KEYS:
                post, of = next(iter(rest.items()))
                return {"post": post, "of": of, **extra}
            raise PydanticCustomError("no_post", "expected one post; got {keys}", {"keys": ", ".join(map(str, rest))})
        return {"post": value} if isinstance(value, str) else value


class Levels(Model):
    """Repeat an inner chain at every level from one to another, lowest first. ``within`` is each level's share (响应): all
    its places are done within it of the moment the first of them opens; ``ladder`` is what climbs when they are not."""

    from_: Code = Field(default=OWN, alias="from")
    to: Code = OWN
    each: Code
    at: dict[Code, Code] = {}
    within: Span | None = None
    ladder: Code | None = None


class Returning(Model):
    """Where a return goes and what it must carry: ``reason`` always, ``date`` a new date by which it is to be done.

    ``straight``: whoever returns may ask that it comes straight back. Those between sign anew only if the papers change.
    """

    to: Literal["previous", "first", "any"] = "previous"
    needs: Codes = ("reason",)
    straight: StrictBool = False
    ladder: Code = "overdue"  # what climbs when the new date passes


class Apart(Model):
    """Who must be kept apart among those who sign as these posts (职责分离). ``by``: another ``person``, of another
    ``unit``, or one not ``subordinate`` to the other. ``over`` the stage as it stands, or the whole ``item`` with all its
    rounds and what was superseded. A signature by mandate or delegation counts for both persons."""

    posts: Codes
    by: Literal["person", "unit", "subordinate"] = "person"
    over: Literal["stage", "item"] = "stage"


class Chain(Model):
    """An ordered list of places for signatures: levels first, then single steps."""

    levels: Levels | None = None
    steps: tuple[Step, ...] = ()
    requires: Codes = ()
    return_: Returning = Field(default=Returning(), alias="return")
    two_persons: tuple[Codes, ...] = ()
    apart: tuple[Apart, ...] = ()
    override: Whos = ()  # of these, two persons together may let the chain pass over a place; nobody where none is named

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"steps": value} if isinstance(value, list) else value


Reading = Literal["keep", "next-workday", "previous-workday"]
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _time(value: Any) -> Any:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return value
    raise ValueError(f'expected a time of day such as "17:00"; got {value!r}. Put it in quotes')


TimeOfDay = Annotated[StrictStr, BeforeValidator(_time)]


class Before(Model):
    """Before a holiday: the last day before its days off begin, or so long before that. Source: S0 「国庆节前」, R078."""

    festival: StrictStr
    by: Span | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"festival": value} if isinstance(value, str) else value


class Extending(Model):
    """Whether and how far a due may be extended: by somebody of this unit or of one above it, at most so far beyond the
    first date in all, at most so often. Where a definition has none, nobody may."""

    by: Code = "superior"
    at_most: Span
    times: Count = 1


class OtherDue(Model):
    """The clock that a pause starts for the other party: whose turn it is, and for how long."""

    within: Span
    duty: Who
    ladder: Code = "overdue"


class Pausing(Model):
    """Who may stop a due's clock, and whose clock runs meanwhile: a pause always starts another party's. A node that caps
    the due (``not-after``) does not wait. ``whole-days``: a day on which the clock stood still, be it for an hour, is not
    counted at all, as days of a hearing are not (听证所需时间不计入期限)."""

    by: Whos
    starts: OtherDue
    times: Count = 1
    whole_days: StrictBool = False


class Due(Model):
    """When something must be done: by a dated node, within a span of the stage's entry, by a date the acceptor sets,
    by a date that a material or the item carries, within a span of the day on which the responsible person was
    appointed, or before a holiday. ``reading`` says what to do with a day off; dates mean the whole day unless ``at``
    names the time at which it ends. ``not-after`` and ``at-most`` cap the date: a node, and a span from the stage's entry.
    """

    node: Code | None = None
    within: Span | None = None
    set_by: Literal["acceptor"] | None = None
    field: Code | None = None
    event: Literal["appointed"] | None = None
    before: Before | None = None
    # so long after the day of a node, a field or the acceptor's date; hours count from the moment at which that day ends
    after: Span | None = None
    ahead: Span | None = None  # or so long before it
    at: TimeOfDay | None = None
    not_after: Code | None = None
    at_most: Span | None = None
    required: StrictBool = True
    reading: Reading = "keep"
    ladder: Code = "overdue"
    or_within: Span | None = None  # the day has already passed when the stage is entered: this span instead
    extend: Extending | None = None
    pause: Pausing | None = None

    @property
    def fixed(self) -> bool:
        """A date, not a length of time: it can be extended where the definition says so, never paused."""
        return self.within is None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"within": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_anchor(self) -> Due:
        anchors = ("node", "within", "set_by", "field", "event", "before")
        given = [n for n in anchors if getattr(self, n) is not None]
        offsets = [s for s in (self.after, self.ahead) if s is not None]
        if offsets and (given not in (["node"], ["field"], ["set_by"]) or len(offsets) > 1):
            raise ValueError(
                "expected after or ahead, one of them, beside node, field or set-by; got "
                + " and ".join([*(g.replace("_", "-") for g in given), *map(str, offsets)])
            )
        if given == ["within", "event"]:
            return self
        if len(given) != 1 or given == ["event"]:
            raise ValueError(
                "expected exactly one of node, within, set-by, field, before, or event with within; got "
                + (", ".join(given).replace("_", "-") or "none")
            )
        return self


class AlsoDue(Model):
    """A further due of a stage, met by a material being submitted again. ``or-within`` stands in for a node that has
    passed when the stage is entered: a rebound of next year is not late for this year's node."""

    node: Code
    met_by: Code
    reading: Reading = "keep"
    at: TimeOfDay | None = None
    ladder: Code = "overdue"
    or_within: Span | None = None


class Limit(Model):
    """At most so many times, then elsewhere."""

    times: Count
    then: Code


class Exit(Model):
    """A way out of a stage: where it leads, what it needs, how often it may be taken."""

    to: Code
    needs: Codes = ()
    opens: Opens | None = None
    counts: Code | None = None  # this way out puts what was held on the count of each person: see Counter
    reverses: Code | None = None  # this way out takes what this item put there off again; all entries stay
    while_: Code | None = None  # only while the count about whose person this item is still holds
    first: Count | None = None  # only for the first so many of those with the same grade (R094)
    burden: Literal["fixed", "held", "empty", "called-off"] | None = None  # empty: held without an outcome (R212)
    claims: Code | None = None  # whoever signed this way out claims that it is so; a check says whether it is (R114)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"to": value} if isinstance(value, str) else value


class Opens(Model):
    """Every line of a list opens an item of another flow, which cites it. Source: S0 「逐级签字上报」, R036."""

    list: Code
    flow: Code
    at_level: Code
    unit_by: Code
    exit_by: Code


class NoticeSpec(Model):
    """What must be posted before the stage may be left; a window counts both end days, working days.
    Source: S4 「整顿工作全过程要在本村进行公示」, R162."""

    content: Code
    posted: Literal["required"] = "required"
    for_: Span | None = Field(default=None, alias="for")
    both_ends: Literal["counted"] | None = None
    objection: Code | None = None
    channels: Annotated[
        tuple[StrictStr, ...], BeforeValidator(_one_or_many)
    ] = ()  # posted by each of them, or it is not


class CloseOut(Model):
    """The stage is left only when every line of the list is closed with what it needs. Source: S3 「台账销号」, R101."""

    list: Code
    and_lists: Codes = ()  # closed out with it: a line is closed only after the lines that belong to it
    each_needs: Codes = ("evidence",)


_RATIO = re.compile(r"(>=|>|<=|<) ?([0-9]{1,3})(%|/([0-9]{1,4}))?")


class Threshold(Model):
    """A comparison people write: ``>= 80%`` includes (以上), ``> 35%`` does not (超过). Exact, in whole numbers."""

    op: Literal[">=", ">", "<=", "<"]
    numerator: StrictInt
    denominator: StrictInt

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        match = _RATIO.fullmatch(value) if isinstance(value, str) else None
        if not match:
            raise ValueError(f'expected a comparison such as ">= 80%", "> 2/3" or ">= 70"; got {value!r}')
        per = 100 if match[3] == "%" else int(match[4]) if match[4] else 1
        return {"op": match[1], "numerator": int(match[2]), "denominator": per}

    @model_serializer
    def _string(self) -> str:
        return str(self)

    def __str__(self) -> str:
        tail = {100: "%", 1: ""}.get(self.denominator, f"/{self.denominator}")
        return f"{self.op} {self.numerator}{tail}"

    def holds(self, part: int, whole: int) -> bool:
        """Whether part/whole compares so; ``whole`` is 1 for plain numbers. Exact: no division."""
        left, right = part * self.denominator, self.numerator * whole
        return {">=": left >= right, ">": left > right, "<=": left <= right, "<": left < right}[self.op]


class Ballot(Model):
    """The engine itself counts the papers of a vote, and nothing but what it counted is accepted as the tally.

    ``box`` is the list of opened papers: a line each, with ``mark`` and answers to choose from. ``secret``: papers go in by
    one-time codes that the ``issuer`` handed out, and lie sealed until the scrutineers open the box together; the mark is
    random. ``open``: by name (记名); the mark is the voter. Where a roll has fewer than ``at-least`` names nobody's vote
    could be hidden: none is held, and the way out is ``below``. Of fewer papers than that nothing is counted: no-quorum.
    ``aware`` and ``dissatisfied`` say which answers to which question count. ``by-choice``: a unit may also vote on paper
    and hand in the sheet that its scrutineers counted; once the engine has opened a box, only what it counts is accepted.
    Source: S0 「职工群众测评」, R134; R215.
    """

    box: Code
    issuer: Who
    mode: Literal["secret", "open"] = "secret"
    at_least: Annotated[StrictInt, Field(ge=3, le=100)] = 5
    below: Code | None = None
    by_choice: bool = False
    aware: dict[Code, Codes]
    dissatisfied: dict[Code, Codes]

    def counts(self, figures: dict[str, Any]) -> dict[str, int]:
        """What the figures of the opened box (``{"lines": n, "counts": {field: {choice: n}}}``) add up to."""
        told = figures.get("counts", {})

        def of(wanted: dict[str, tuple[str, ...]]) -> int:
            return sum(told.get(field, {}).get(choice, 0) for field, chosen in wanted.items() for choice in chosen)

        return {"voted": figures.get("lines", 0), "aware": of(self.aware), "dissatisfied": of(self.dissatisfied)}


class Tally(Model):
    """A signed tally sheet decides the exit: no-quorum below the turnout, failed when a measure fails, else passed.
    Awareness and satisfaction are two measures; both must hold. Source: S4 「群众知情度和满意度不高」, R137."""

    material: Code
    turnout: Threshold
    aware: Threshold
    dissatisfied: Threshold
    ballot: Ballot | None = None


class Score(Model):
    """A scorecard's total decides between two exits."""

    material: Code
    field: Code
    pass_: Threshold = Field(alias="pass")
    passed: Code
    failed: Code


class Source(Model):
    """One of those whose judgement an assessment puts together: of 100, exactly. A scorecard's points of all it has; a
    ``field`` of the greatest value it may have; or a share, ``part`` of ``whole`` of a tally. Or no paper at all: the mean
    of ``times`` results that another ``flow`` gave this unit within this item's campaign (of 2019: 2019-Q1 to 2019-Q4).
    Source: S3 「月抽查指导、季督查考核、年综合考评」, R095, R195."""

    material: Code = ""
    weight: Count
    flow: Code | None = None
    times: Count | None = None
    field: Code | None = None
    part: Code | None = None
    whole: Code | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Source:
        if (self.part is None) != (self.whole is None) or (self.field is not None and self.part is not None):
            raise ValueError("expected a scorecard, field, or part with whole; got a mixture of them")
        if (self.flow is None) != (self.times is None) or (self.flow is None) == (not self.material):
            raise ValueError("expected a scorecard or other material, or flow with times; got both or neither")
        return self


class Floor(Model):
    """What must hold whatever the score says (一票否决): of a ``source`` (of 100), or of a material's ``part``, as a share
    of its ``whole`` or as it stands. Source: S2 「定性考核和定量分析相结合」, R136; R137."""

    source: Code | None = None
    material: Code | None = None
    part: Code | None = None
    whole: Code | None = None
    holds: Threshold

    @model_validator(mode="after")
    def _one_thing(self) -> Floor:
        of_material = self.material is not None and self.part is not None
        if (self.source is None) != of_material or (self.source is not None and (self.part or self.whole)):
            raise ValueError("expected source, or material with part and perhaps whole; got neither or both")
        return self


class Grade(Model):
    """A grade and the way out it leads to."""

    from_: Threshold = Field(alias="from")
    exit: Code


def _ties(value: Any) -> Any:
    return value if value == "shared" else _one_or_many(value)


class Assess(Model):
    """Several judgements put together into a grade, exactly: each source is required, item by item.
    Source: S0 「结合基层党组织自评情况,通过职工群众测评、上级党组织考评相结合方式」, R134.

    The result is the sum of each source's share of 100 times its weight, over the sum of the weights: a fraction, never
    rounded but to show it (``decimals``). ``grades`` are tried in the order written, best first; what reaches none, or
    fails a floor, leaves by ``failed``. ``ties`` orders items with one result among each other: by these sources, the
    higher the better, in this order; or they share a rank.
    """

    sources: dict[Code, Source]
    floors: dict[Code, Floor] = {}
    grades: dict[Code, Grade]
    failed: Code
    ties: Annotated[Literal["shared"] | tuple[Code, ...], BeforeValidator(_ties)] = "shared"
    decimals: Annotated[StrictInt, Field(ge=0, le=6)] = 2


class Assigned(Model):
    """Who must be named for an item in a role: of which post, at which level at least. ``sole``: dedicated to this item
    (专人), so that nobody is so on two that are open (R180). ``named_by``: posts whose holders name whoever fills the role,
    as members of a body that looks after the unit and stands outside its line (R182)."""

    post: Code | None = None
    at_least: Code | None = None
    sole: StrictBool = False
    named_by: Codes = ()


class Needs(Model):
    """What an item must have before the stage can be left. ``assigned`` are the roles in which somebody must be named
    before anybody signs (四个一: a leader, a department, a first secretary, a work team). Source: S4, M38."""

    lead: Literal["named"] | None = None
    assigned: dict[Code, Assigned] = {}


class Prior(Model):
    """Another item must have come to a signed outcome before this stage goes on (前置程序). Source: R036, M29.

    Attributes:
        flow: of which flow, in the same campaign; may be this one: a letter that the superior signs first (责任书).
        of: whose item: ``own`` or ``superior``. Above the top there is nobody, and nothing is asked; nor is the top
            asked for an item of this same flow, which it would have with its own superior.
        in_: the stages that count.
        signers: ``still-held`` counts it only while whoever signed it holds the post it was signed as: a successor signs
            anew.
    """

    flow: Code
    of: Literal["own", "superior"] = "own"
    in_: Codes = Field(alias="in")
    signers: Literal["still-held"] | None = None


class Everyone(Model):
    """Every item of a flow in this campaign has come to one of these stages. Source: S0 「长效机制」, R155."""

    flow: Code
    in_: Codes = Field(alias="in")


def _one_or_many_models(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Gate(Model):
    """A condition outside the item, looked at when its papers are handed in and at the first and the last signature.

    ``children: settled``: every direct child's report is in. Source: R036.
    ``children: counted``: every direct child's report of the period is in, or counted as missing because its time has
    passed; who was in and who was missing is a part of what is signed. Source: S0 「每周一报送情况」, R082.
    ``prior``: other items that must have come to an outcome. ``opened``: lists whose lines open items at units above: a
    cause that lies above (根子在上面) holds the item below open until it is finished there. A line that names a unit beside
    or below is refused: waiting only ever goes up the line, so that no two items can wait for each other.
    ``guards``: conditions that the host's own system answers, by name; see ``workflow.guards``.
    """

    children: Literal["settled", "counted"] | None = None
    prior: Annotated[tuple[Prior, ...], BeforeValidator(_one_or_many_models)] = ()
    opened: Codes = ()
    everyone: Annotated[tuple[Everyone, ...], BeforeValidator(_one_or_many_models)] = ()
    guards: Codes = ()


class Zero(Model):
    """A report with no line of the main class is a zero report: a statement of its own, signed at every level.
    Source: S0 「甚至图省事,干脆报“没有”」, R058."""

    exit: Code
    list: Code
    counts: dict[Code, Codes]
    contradicted: Opening | None = None  # what a finding from outside opens: the item that was left out (R055)


class Opening(Model):
    """An item of another flow, which enters by an exit of its first stage. A bare name is its flow."""

    flow: Code
    enter: Code | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"flow": value} if isinstance(value, str) else value


class Tracking(Model):
    """After close-out: look-backs by a body, then the end of the period. A rebound reopens the same item, next round.
    A look-back is held on its day, or ``early`` by so much (two weeks where nothing is said), never before.
    Source: S4 「防止旧问题反弹,新问题发生」, R148."""

    for_: Span = Field(alias="for")
    look_backs: tuple[Span, ...]
    by: Who
    held: Code
    rebound: Code
    ladder: Code = "overdue"
    early: Span | None = None
    longer: dict[Code, Span] = {}  # for categories whose problems tend to come back (R150)
    dated: StrictBool = False  # a rebound says on which day it was seen: what was so before close-out reopens nothing


class Compare(Model):
    """What a report is set beside before it is signed: items of other flows about the same unit (an inspection's feedback,
    an appraisal, an earlier round), by category. ``severity`` is a choice of the list, from the lightest to the gravest:
    a report whose gravest is lighter than what is known is told too. ``within`` leaves out what was opened longer ago.
    Source: R056, R057, R059, R065."""

    with_: Codes = Field(alias="with")
    list: Code
    field: Code = "category"
    unit_by: Code = "unit"
    severity: Code | None = None
    within: Span | None = None


class Checked(Model):
    """Who records what a check found of an item that stands here, and by which exit a finding sends it back: with a new
    date, whoever's turn it is. ``methods`` are the ways in which it may have been checked (明查暗访、电话抽查).
    Source: S0 「组织开展抽查,对问题没有完全解决的,督促限期整改到位」, R122; R120."""

    by: Whos
    back: Code
    methods: Codes = ()


class Figure(Model):
    """One whole number of a material."""

    material: Code
    field: Code


class Burden(Model):
    """What an item of this flow asks of its unit: a visit, with its days in a ``material``, or without one a request, on
    the day it is fixed. All flows of one ``kind`` count together: no two visits to a unit on one day, and at most so many
    begun ``within`` any such span. ``persons`` says how many came. Source: S0 「不集中到一个单位去」, R201; R200, R125."""

    kind: Code
    material: Code | None = None
    from_: Code | None = Field(default=None, alias="from")
    until: Code | None = None
    at_most: Count
    within: Span
    persons: Figure | None = None


class Stage(Model):
    """Where an item is, who must do what there by when, and how it leaves."""

    stage: Code
    title: Text | None = None
    duty: Who = Who(post="secretary")
    due: Due | None = None
    also_due: tuple[AlsoDue, ...] = ()
    materials: Codes = ()
    materials_for: dict[Code, Codes] = {}  # by category: a problem that comes back easily needs its root cause (R150)
    materials_at: dict[Code, Codes] = {}  # by the level of the units that sign here: each has its own check list (R126)
    chain: Annotated[Code, Field()] | None = None
    slots: Annotated[tuple[Step, ...], BeforeValidator(_one_or_many)] = ()
    two_persons: tuple[Codes, ...] = ()
    apart: tuple[Apart, ...] = ()
    exits: dict[Code, Exit] = {}
    needs: Needs | None = None
    gate: Gate | None = None
    compare: Compare | None = None
    notice: NoticeSpec | None = None
    close_out: CloseOut | None = None
    tally: Tally | None = None
    score: Score | None = None
    assess: Assess | None = None
    zero: Zero | None = None
    not_by: Whos = ()
    other_body_than: Codes = ()  # stages of this round: whichever unit signed there, another one signs here (R138)
    checked: Checked | None = None
    looks_after: Codes = ()  # posts whose holders sign only for units that a body of theirs looks after (R011)
    one_by_one: StrictBool = False
    at_most: Limit | None = None
    new_round: StrictBool = False
    tracking: Tracking | None = None
    class_: Literal["register", "watch", "unannounced", "carried-out"] | None = Field(default=None, alias="class")
    final: StrictBool = False


class Rung(Model):
    """One step of a ladder. The machine reminds; everything beyond is a proposal that opens an item for people to
    decide. Source: S4 「要逐支部说明原因,并对支部书记及上级党组织书记进行约谈」, R169."""

    before: Span | None = None
    after: Span | None = None
    do: Literal["remind", "propose"]
    to: Whos
    item: Code | None = None
    whom: Whos = ()
    colour: Literal["blue", "yellow", "orange", "red"] | None = (
        None  # 蓝、黄、橙、红 as warnings are graded; never falls
    )

    @model_validator(mode="after")
    def _whole(self) -> Rung:
        if (self.before is None) == (self.after is None):
            raise ValueError("expected exactly one of before and after; got " + ("both" if self.before else "none"))
        if (self.do == "propose") != (self.item is not None):
            raise ValueError(
                "expected item: the flow a proposal opens; got none"
                if self.do == "propose"
                else "expected no item: a reminder opens none; got " + str(self.item)
            )
        return self


class Counter(Model):
    """What was held and recorded with persons, counted for each person over all items and units; from so many ``times`` on
    a proposal for people to decide. Source: S4 「累计约谈两次以上的要进行组织处理」, R170: "two or more" includes the second.

    Each line of ``list`` is one person, with the day on which it was held and by whom. A count is a person's, not a
    post's: a successor starts at zero. ``sitting`` says whether one sitting (one day, one and the same ``held-by``) for
    several units counts ``once`` or ``each`` time; ``period`` within what it accumulates: a campaign, a calendar year,
    a span back from the day held, or always. Both must be stated. The name of a counter is shared by all flows.
    """

    list: Code
    person: Code
    held_on: Code
    held_by: Code
    sitting: Literal["once", "each"]
    period: Annotated[StrictStr, BeforeValidator(_period)]
    times: Count
    propose: Code
    to: Whos


class Quiet(Model):
    """Hours in which nobody is disturbed: what a rung tells then goes out when they end. May pass midnight. A rung fires at
    its moment all the same; only the message waits."""

    from_: TimeOfDay = Field(alias="from")
    until: TimeOfDay

    @model_validator(mode="after")
    def _not_empty(self) -> Quiet:
        if self.from_ == self.until:
            raise ValueError(f"expected quiet hours that begin and end at two times; got {self.from_} twice")
        return self


class Reports(Model):
    """Which units owe a report of this flow, and by which node. Source: S0 「应报必报」, R054."""

    owed_by: Codes
    node: Code


Cycle = Literal["day", "workday", "week", "2 weeks", "month", "quarter", "half-year", "year"]


class Excused(Model):
    """A class of units that need not report: some units with everything below them, for periods dated from a day on and
    until another, both included. It says why; a single unit's exemption is a signed act instead."""

    units: Annotated[tuple[StrictStr, ...], BeforeValidator(_one_or_many)]
    reason: Text
    from_: Day | None = Field(default=None, alias="from")
    until: Day | None = None

    def binds(self, day: date) -> bool:
        """Whether it is about a period of that date."""
        return (self.from_ is None or day >= self.from_) and (self.until is None or day <= self.until)


class Obligation(Model):
    """A report of this flow that units owe again and again. Source: S0 「每周一报送情况」, R082-R096.

    ``on`` is a weekday (every week), ``last`` or a day of the month from 1 to 28 (every month; in the last month of a
    quarter, half-year and year). Every two weeks counts from ``from``. ``reading`` says what a day off means, ``at`` the
    time of day at which the day ends. ``under`` keeps it to the subtrees of some units. Reports owed are computed from the
    roster of the period, never stored; ``ladder`` is what climbs when one is missing.
    """

    owed_by: Codes
    every: Cycle
    on: StrictStr | StrictInt | None = None
    from_: Day = Field(alias="from")
    until: Day | None = None
    under: Annotated[tuple[StrictStr, ...], BeforeValidator(_one_or_many)] = ()
    reading: Reading | None = None
    at: TimeOfDay | None = None
    ladder: Code | None = None
    excused: tuple[Excused, ...] = ()


class Overlays(Model):
    """Whether lower levels may tighten this flow, and how many places they may add to a chain. Without it they may add
    none; loosening is refused in any case. Source: S0 「坚持主题不变、标准不降、力度不减」, R209."""

    extra_steps: Annotated[StrictInt, Field(ge=0, le=20)] = 0


class Suspending(Model):
    """Who may suspend an item, and whose clock runs meanwhile: nothing rests without somebody whose turn it is."""

    by: Whos
    starts: OtherDue


class Flow(Model):
    """A whole definition. ``titles``: what people read for codes that have no title of their own (levels, ways out, nodes,
    ladders, flows that a rung proposes, reports owed, claims, choices); ``wet-ink``: the posts that may register a
    signature in ink, at the unit that signed; ``classified``: its matters are told by no channel that leads outside (涉密);
    ``meant``: warnings of lint, by their codes, that are as they should be here,
    and why."""

    flow: Code
    version: StrictStr
    title: Text
    timezone: StrictStr
    calendar: Code
    calendars: dict[StrictStr, Code] = {}  # a unit, with all below it, that counts by another: unit -> calendar
    levels: tuple[Code, ...]
    label: Text | None = None
    titles: dict[Code, Text] = {}
    liability: Text
    nodes: dict[StrictStr, NodeSet] = {}
    categories: dict[Code, Text] = {}
    watch_class: dict[Code, Text] = {}
    posts: dict[Code, Post]
    bodies: dict[Code, Text] = {}
    materials: dict[Code, Material] = {}
    chains: dict[Code, Chain] = {}
    ladder: dict[Code, tuple[Rung, ...]] = {}
    quiet: Quiet | None = None
    burden: Burden | None = None
    counters: dict[Code, Counter] = {}
    stages: tuple[Stage, ...]
    reports: Reports | None = None
    obligations: dict[Code, Obligation] = {}
    overlays: Overlays | None = None
    suspend: Suspending | None = None
    wet_ink: Codes = ()
    classified: StrictBool = False
    meant: dict[Code, Text] = {}

    def canonical(self) -> dict[str, Any]:
        """The definition as plain strings, integers, lists and maps: what is hashed, pinned and published."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


Step.model_rebuild()
Exit.model_rebuild()
Zero.model_rebuild()
Stage.model_rebuild()
