"""A small flow with a vote, and hands that hold it."""

from __future__ import annotations

from random import Random

from tests.contract.world import World, flow_text
from workflow import Actor, loads
from workflow.evidence import ballotbox

POLL = """flow: poll
title: {zh: 示例测评, en: an invented evaluation}
materials:
  votes:
    title: votes
    kind: tally
    fields:
      eligible: {type: integer, min: 1}
      voted: {type: integer, min: 0}
      aware: {type: integer, min: 0}
      dissatisfied: {type: integer, min: 0}
  papers:
    title: papers
    kind: list
    fields:
      mark: {type: text, max: 64}
      heard: {type: choice, choices: [heard, unheard], required: false}
      content: {type: choice, choices: [satisfied, fairly, dissatisfied], required: false}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
stages:
  - stage: vote
    duty: secretary
    due: 5 workdays
    materials: [votes, papers]
    slots: [scrutineer, scrutineer]
    two-persons: [[scrutineer]]
    tally:
      material: votes
      turnout: ">= 80%"
      aware: ">= 90%"
      dissatisfied: "<= 50%"
      ballot:
        box: papers
        issuer: {department: third}
        mode: secret
        at-least: 5
        below: few
        aware: {heard: heard}
        dissatisfied: {content: dissatisfied}
    at-most: {times: 3, then: by-superior}
    exits: {passed: done, failed: failing, no-quorum: vote, few: by-superior}
  - stage: by-superior
    duty: {secretary: third}
    slots: {secretary: third}
    due: 5 workdays
    exits: {content: done, discontent: failing}
  - stage: done
    final: true
  - stage: failing
    final: true
"""

ISSUER = Actor("t1-department", "department", "t1")
FIRST = Actor("o1-scrutineer", "scrutineer", "o1")
SECOND = Actor("o1-scrutineer-2", "scrutineer", "o1")
GOOD = {"heard": "heard", "content": "satisfied"}
BAD = {"heard": "heard", "content": "dissatisfied"}


class Poll:
    """An item with an open vote of so many voters."""

    def __init__(self, world: World, item: str, voters: int, *, mode: str = "", campaign: str = "") -> None:
        self.world, self.item = world, item
        flow = "poll" + (f"-{mode}" if mode else "")
        text = POLL.replace("flow: poll", f"flow: {flow}").replace("mode: secret", f"mode: {mode or 'secret'}")
        world.engine.publish(loads(flow_text(text)))
        world.engine.open(flow, "o1", item=item, campaign=campaign)
        self.roll = [f"voter-{n:03}" for n in range(voters)]
        self.begin()

    def begin(self) -> None:
        """Codes by the issuer, keys by the scrutineers, and the box is open."""
        self.codes = ballotbox.new_codes(len(self.roll))
        first, second = ballotbox.new_key(), ballotbox.new_key()
        self.keys = [first[0], second[0]]
        public = {FIRST.person: first[1], SECOND.person: second[1]}
        hashes = [ballotbox.hash_of_code(c).hex() for c in self.codes]
        seen = self.world.case(self.item).content
        self.world.engine.open_ballot(self.item, ISSUER, seen, self.roll, codes=hashes, keys=public)

    def cast(self, papers: list[dict[str, str]], *, random: Random | None = None) -> list[str]:
        """Codes handed out at random, papers put in one after the other; the codes in the order of casting."""
        given = (random or Random(1)).sample(self.codes, len(papers))
        for code, paper in zip(given, papers, strict=True):
            self.world.engine.cast(self.item, code, paper)
        return given

    def count(self) -> None:
        self.world.engine.count_ballot(self.item, FIRST, self.keys)

    def sign(self) -> str:
        """Both scrutineers sign the sheet; the stage it leads to."""
        for by in (FIRST, SECOND):
            self.world.engine.sign(self.item, by, self.world.case(self.item).content, opinion="counted")
        return self.world.case(self.item).stage
