"""How invented people behave: how long they take, what they let lie, how often they send back, and which way out they take.

Chance chooses what people would like to do, never what they may: the rules refuse, and then something else is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from workflow.acts import Act, Objection, Reopen, ReportZero, Return, Submit
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.errors import Said, Unknown, WorkflowError
from workflow.rules import assessing
from workflow.rules.plan import ABSTAIN, AGAINST
from workflow.rules.signing import tally_exit
from workflow.rules.stages import REFUSED_EXIT, returning

LEAST = 1e-9  # what nobody does of their own accord is still done where nothing else is left
NOTHING = ("nothing", "")


@dataclass(frozen=True)
class Behaviour:
    """How people are. ``days`` they take for an act, on average; shares between 0 and 1: of duties that lie until up to
    ``late`` days after the date, of signatures refused by a return, of judgements that fail (votes, scores, grades,
    acceptances, look-backs). ``ways`` says of single exits, ``(stage, exit)``, how often they are taken."""

    days: float = 1.0
    lie: float = 0.0
    late: float = 8.0
    send_back: float = 0.05
    fail: float = 0.2
    ways: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def known_to(self, definition: Definition) -> None:
        """Check that every way this speaks of is one of the definition's.

        Raises:
            Unknown: there is no such stage, or it has no such exit.
        """
        for stage, exit_ in self.ways:
            if stage not in definition.stages:
                listed = ", ".join(definition.stages)
                raise Unknown(kind="stage", name=stage, hint=Said(f"; there are {listed}", f";现有:{listed}"))
            exits = definition.stage(stage).exits
            if exit_ not in exits:
                listed = ", ".join(exits)
                said = Said(f"; there are {listed or 'none'}", f";现有:{listed or '无'}")
                raise Unknown(kind=Said(f"exit of {stage}", f"环节 {stage} 的去向"), name=exit_, hint=said)

    def shares(self, definition: Definition, stage: Stage) -> dict[str, float]:
        """How often each exit of a stage is taken where it may be; they add up to one. What is said of single exits
        counts first, failures share ``fail`` of the rest, all others the remainder."""
        said = {e: self.ways[stage.stage, e] for e in stage.exits if (stage.stage, e) in self.ways}
        rest = [e for e in stage.exits if e not in said]
        poor = [e for e in rest if fails(definition, stage, e)]
        good = [e for e in rest if e not in poor]
        left = max(1.0 - sum(said.values()), 0.0)
        fail = (self.fail if good else 1.0) if poor else 0.0
        shares = {**said, **{e: left * fail / len(poor) for e in poor}}
        shares |= {e: left * (1.0 - fail) / len(good) for e in good}
        return {e: max(shares[e], LEAST) for e in stage.exits}


def fails(definition: Definition, stage: Stage, exit_: str) -> bool:
    """Whether a way out says that something is not good enough: a vote, score or grade that fails, a check, a rebound, an objection,
    and whatever leads back, or to a stage with a date to be set or a limit of rounds (rework)."""
    spec, target = stage.exits[exit_], definition.stage(stage.exits[exit_].to)
    if stage.checked is not None and exit_ == stage.checked.back:
        return True
    if stage.tally is not None:
        return exit_ != "passed"
    for judged in (stage.score, stage.assess):
        if judged is not None:
            return exit_ == judged.failed
    if stage.tracking is not None:
        return exit_ == stage.tracking.rebound
    if exit_ == REFUSED_EXIT or returning(exit_) or (stage.notice is not None and exit_ == stage.notice.objection):
        return True
    order = list(definition.stages)
    back = order.index(spec.to) <= order.index(stage.stage) and not target.final
    rework = target.at_most is not None or (target.due is not None and target.due.set_by is not None)
    return len(stage.exits) > 1 and (back or rework)


def by_choice(
    rng: Random,
    behaviour: Behaviour,
    definition: Definition,
    case: Case,
    options: Sequence[Act],
    *,
    idle: bool = False,
) -> Iterator[Act | None]:
    """Acts in the order in which chance tries them: first what kind of thing is done, then which act of that kind. None
    where people rather do nothing, which they may where they are ``idle``."""
    kinds: dict[tuple[str, str], list[Act]] = {}
    for act in options:
        kinds.setdefault(_kind(definition, case, act), []).append(act)
    shares = behaviour.shares(definition, definition.stage(case.stage))
    weights = {kind: _weight(kind, behaviour, shares) for kind in kinds} | {NOTHING: 1.0}
    if idle:
        kinds[NOTHING] = []
    while kinds:
        kind = rng.choices(list(kinds), [weights[k] for k in kinds])[0]
        if kind == NOTHING:
            yield None
            return
        acts = kinds[kind]
        yield acts.pop(rng.randrange(len(acts)))
        if not acts:
            del kinds[kind]


def _weight(kind: tuple[str, str], behaviour: Behaviour, shares: Mapping[str, float]) -> float:
    what, way = kind
    if what == "way":
        return shares.get(way, LEAST)
    return 1.0 if what == "on" else max(behaviour.send_back, LEAST)


def _kind(definition: Definition, case: Case, act: Act) -> tuple[str, str]:
    """What somebody does by an act: take a way out, send back, vote against, hand in again, or simply go on."""
    stage = definition.stage(case.stage)
    if isinstance(act, (Return, Reopen, Objection)):
        return act.kind, ""
    if getattr(act, "vote", "") in (AGAINST, ABSTAIN):
        return "against", ""
    if isinstance(act, Submit):
        if act.materials.keys() <= case.materials.keys():
            return "again", ""
        way = _way_of_papers(definition, stage, case, act)
        return ("way", way) if way else ("on", "")
    if outcome := getattr(act, "outcome", ""):
        return "way", outcome
    return "on", ""


def _way_of_papers(definition: Definition, stage: Stage, case: Case, act: Submit) -> str:
    """The way out that figures lead to; none where they decide nothing."""
    if isinstance(act, ReportZero):
        return stage.zero.exit if stage.zero is not None else ""
    figures: dict[str, Any] = {**case.figures, **act.figures}
    try:
        if stage.tally is not None and stage.tally.material in act.figures:
            return tally_exit(stage.tally, figures[stage.tally.material])
        if stage.score is not None and stage.score.material in act.figures:
            value = int(figures[stage.score.material][stage.score.field])
            return stage.score.passed if stage.score.pass_.holds(value, 1) else stage.score.failed
        if stage.assess is not None:
            judged = case.but(figures=figures)
            return str(assessing.result(definition, stage, judged, assessing.supposed(stage))["exit"])
    except WorkflowError:  # a judgement of an earlier stage is not in
        pass
    return ""
