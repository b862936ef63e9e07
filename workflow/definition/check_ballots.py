"""Rules of sense for a vote whose papers the engine counts: a box to lay them out in, two who look, a way for the few."""

from __future__ import annotations

from workflow.definition.checking import Checking, Loc
from workflow.definition.model import Ballot, Stage
from workflow.definition.problem import Said

MARK = "mark"


class BallotsChecking(Checking):
    """Votes. Source: S0 「职工群众测评」, R134."""

    def ballots(self) -> None:
        for index, stage in enumerate(self.flow.stages):
            if stage.tally is not None and stage.tally.ballot is not None:
                self._ballot(("stages", index, "tally", "ballot"), stage, stage.tally.ballot)

    def _ballot(self, at: Loc, stage: Stage, ballot: Ballot) -> None:
        self.known("post", ballot.issuer.post, self.flow.posts, (*at, "issuer"))
        self.known("material", ballot.box, self.flow.materials, (*at, "box"))
        box = self.flow.materials.get(ballot.box)
        if box is None:
            return
        asked = {name: spec for name, spec in box.fields.items() if name != MARK}
        plain = MARK in box.fields and box.fields[MARK].type == "text" and not box.fields[MARK].personal
        if (
            box.kind != "list"
            or box.at_least is not None
            or box.at_most is not None
            or not plain
            or not asked
            or any(s.type != "choice" or not s.choices or s.required or s.personal for s in asked.values())
            or ballot.box not in stage.materials
        ):
            self._say(
                (*at, "box"),
                f"{ballot.box} cannot hold the papers of a vote",
                f"{ballot.box} 不能作票箱",
                "a list among the materials of the stage, with the text mark and questions to choose from, none required",
                "本阶段材料中的清单(kind: list):文本字段 mark 与若干非必填的选择题(required: false)",
                ballot.box,
            )
            return
        for name, wanted in (("aware", ballot.aware), ("dissatisfied", ballot.dissatisfied)):
            bad = [f for f, chosen in wanted.items() if f not in asked or set(chosen) - set(asked[f].choices or ())]
            if len(wanted) != 1 or bad:
                self._say(
                    (*at, name),
                    f"{name} does not name one question of {ballot.box} and answers to it",
                    f"{name} 须指明 {ballot.box} 中的一道题及其选项",
                    "{question: [choice]}",
                    "{题目: [选项]}",
                    ", ".join(bad or wanted),
                )
        if ballot.mode == "secret" and (ballot.below is None or ballot.below not in stage.exits):
            self._say(
                (*at, "below") if ballot.below is not None else at,
                "a secret vote needs a way out for units too small to hide a vote in",
                "无记名投票须为人数不足的单位另设去向",
                "below: an exit of the stage",
                "below: 本阶段的去向",
                ballot.below or "none",
            )
        chain = self.flow.chains.get(stage.chain) if stage.chain is not None else None
        places = [leaf.post for step in (chain.steps if chain else stage.slots) for _, leaf in step.leaves()]
        apart = {p for group in (chain.two_persons if chain else stage.two_persons) for p in group}
        if len(places) < 2 or not {*places[:2]} <= apart:
            self._say(
                at,
                "two persons look on while the box is opened, and sign the sheet",
                "须由两名监票人开箱、签字",
                "two places, with two-persons",
                "两个签位,并设 two-persons",
                ", ".join(str(p) for p in places) or "none",
            )

    def _say(self, at: Loc, en: str, zh: str, expected_en: str, expected_zh: str, actual: str) -> None:
        self.say("ballot", at, en, zh, expected=Said(expected_en, expected_zh), actual=actual)
