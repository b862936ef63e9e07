"""What is drawn of a flow, in one language, before anybody decides how: stages, ways out, chains, dues, ladders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from workflow.definition.definition import Definition
from workflow.definition.difference import said
from workflow.definition.model import Chain, Due, Gate, Rung, Span, Stage, Step, Who
from workflow.errors import Language

_DO = {"remind": ("remind", "提醒"), "propose": ("propose", "建议")}
_OF = {
    "own": ("", ""),
    "superior": ("superior ", "上级"),
    "next-above": ("next above ", "再上一级"),
    "top": ("top ", "最高一级"),
}


@dataclass(frozen=True)
class Line:
    """One line of a box. ``kind``: duty, chain, due, rule, or done, open and waiting for an item's places."""

    kind: str
    text: str


@dataclass(frozen=True)
class Way:
    """One way out of a stage. ``taken``: how often the item went it. ``limit`` where it is one that a bound leads to."""

    name: str
    to: str
    taken: int = 0
    limit: bool = False


@dataclass(frozen=True)
class Box:
    """One stage. ``state`` of an item: empty, past, now."""

    code: str
    title: str
    lines: tuple[Line, ...]
    ways: tuple[Way, ...]
    final: bool = False
    state: str = ""
    note: str = ""  # when the item was there


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn. ``ladders``: name -> rungs as sentences."""

    title: str
    subtitle: str
    boxes: tuple[Box, ...]
    ladders: dict[str, tuple[str, ...]]
    lang: Language
    progress: bool = False


@dataclass(frozen=True)
class Visit:
    """One stay of an item in a stage; days are local, ``left`` is empty while it is there."""

    stage: str
    entered: str
    left: str = ""
    exit: str = ""


@dataclass(frozen=True)
class Progress:
    """Where an item stands: its stays in order, and the lines that its present stage shows instead of the flow's."""

    item: str
    visits: tuple[Visit, ...]
    lines: tuple[Line, ...] = field(default=())


def picture(definition: Definition, lang: Language, progress: Progress | None = None) -> Picture:
    """What is drawn of a definition; with ``progress``, of one item on it."""
    flow = definition.flow
    words = _Words(definition, lang)
    subtitle = f"{flow.flow}@{flow.version}" + (f" · {progress.item}" if progress else "")
    return Picture(
        flow.title.get(lang),
        subtitle,
        tuple(_box(words, stage, progress) for stage in flow.stages),
        {words.code(name): tuple(words.rung(r) for r in rungs) for name, rungs in flow.ladder.items()},
        lang,
        progress is not None,
    )


def _box(words: _Words, stage: Stage, progress: Progress | None) -> Box:
    visits = [v for v in progress.visits if v.stage == stage.stage] if progress else []
    now = bool(visits) and not visits[-1].left
    lines = list(words.lines(stage))
    if now and progress is not None and progress.lines:
        lines = list(progress.lines)
    taken = [v.exit for v in visits]
    ways = [Way(words.code(name), way.to, taken.count(name)) for name, way in stage.exits.items()]
    ways += [Way(f"> {limit.times}", limit.then, limit=True) for limit in [stage.at_most] if limit is not None]
    note = "; ".join(f"{v.entered} – {v.left or '…'}" for v in visits)
    state = "now" if now else "past" if visits else ""
    return Box(stage.stage, words.title(stage), tuple(lines), tuple(ways), stage.final, state, note)


class _Words:
    """A definition in the words of one language."""

    def __init__(self, definition: Definition, lang: Language) -> None:
        self.definition = definition
        self.flow = definition.flow
        self.lang = lang
        self.zh = lang == "zh"

    def title(self, stage: Stage) -> str:
        return stage.title.get(self.lang) if stage.title is not None else stage.stage

    def code(self, code: str) -> str:
        """What people read for a code without a title of its own."""
        titled = self.flow.titles.get(code)
        return titled.get(self.lang) if titled is not None else code

    def at(self, of: str) -> str:
        """The unit of a post, as it stands before the post."""
        known = _OF.get(of)
        if known is not None:
            return known[self.zh]
        return self.code(of) + ("" if self.zh and of in self.flow.titles else " ")

    def post(self, code: str) -> str:
        spec = self.flow.posts.get(code)
        return (
            spec.title.get(self.lang)
            if spec is not None
            else {"responsible": "责任人", "lead": "包抓责任人"}.get(code, code)
            if self.zh
            else code
        )

    def who(self, who: Who | Step) -> str:
        return self.at(who.of) + self.post(who.post or "")

    def level(self, of: str) -> str:
        found = _OF.get(of)
        return (found[self.zh].strip() or ("本级" if self.zh else of)) if found else self.code(of)

    def span(self, span: Span) -> str:
        return said(str(span), self.lang)

    # --- a stage

    def lines(self, stage: Stage) -> Iterator[Line]:
        if stage.final:
            return
        yield Line("duty", f"{'责任' if self.zh else 'duty'}: {self.who(stage.duty)}")
        yield from (Line("chain", text) for text in self.chain(stage))
        if stage.due is not None:
            yield Line("due", f"{'时限' if self.zh else 'due'}: {self.due(stage.due)}" + self.climbs(stage.due.ladder))
        for also in stage.also_due:
            after = self.span(also.or_within) if also.or_within is not None else ""
            past = f",已过则 {after}" if self.zh else f", once past {after}"
            named = self.node(also.node) + (past if after else "")
            yield Line("due", f"{'另有时限' if self.zh else 'also due'}: {named}" + self.climbs(also.ladder))
        if stage.tracking is not None:
            t = stage.tracking
            looks = ", ".join(self.span(s) for s in t.look_backs)
            text = (
                f"跟踪 {self.span(t.for_)},回头看 {looks}({self.who(t.by)})"
                if self.zh
                else f"tracked for {self.span(t.for_)}, look-backs at {looks} by {self.who(t.by)}"
            )
            yield Line("due", text + self.climbs(t.ladder))
        if rules := " · ".join(self.rules(stage)):
            yield Line("rule", rules)

    def climbs(self, ladder: str) -> str:
        return f" ▲{self.code(ladder)}" if ladder in self.flow.ladder else ""

    def chain(self, stage: Stage) -> Iterator[str]:
        chain: Chain = self.definition.chain_of(stage)
        label = "签批" if self.zh else "signs"
        if chain.levels is not None:
            lv = chain.levels
            share = f"{'(每级 ' if self.zh else ' (each '}{self.span(lv.within)})" if lv.within is not None else ""
            span = self.level("own") if lv.from_ == lv.to == "own" else f"{self.level(lv.from_)} → {self.level(lv.to)}"
            yield f"{'逐级' if self.zh else 'level by level'} {span}{share}"
            for level, name in lv.at.items():
                yield f"  {self.level(level)}: {self.steps(self.flow.chains[name].steps)}"
            yield f"  {'各级' if self.zh else 'each'}: {self.steps(self.flow.chains[lv.each].steps)}"
        if chain.steps:
            yield f"{label}: {self.steps(chain.steps)}"

    def steps(self, steps: tuple[Step, ...]) -> str:
        return " → ".join(self.step(s) for s in steps)

    def step(self, step: Step) -> str:
        if step.together:
            need = f" {step.need}" if step.need else ""
            return (
                ("并签" if self.zh else "together") + need + "(" + " + ".join(self.step(s) for s in step.together) + ")"
            )
        if step.in_turn:
            return "(" + self.steps(step.in_turn) + ")"
        kind = self.definition.kind_of(step)
        if kind == "decision" and step.body is not None:
            body = self.flow.bodies.get(step.body)
            return self.at(step.of) + (body.get(self.lang) if body is not None else step.body)
        return self.who(step) + (("(盖章)" if self.zh else " (seal)") if kind == "seal" else "")

    def due(self, due: Due) -> str:
        if due.node is not None:
            text = self.node(due.node)
        elif due.within is not None:
            text = self.span(due.within) + ((" 自任职起" if self.zh else " from appointment") if due.event else "")
        elif due.set_by is not None:
            text = "由验收人确定" if self.zh else "set by the acceptor"
        elif due.before is not None:
            text = f"{due.before.festival} 前" if self.zh else f"before {due.before.festival}"
        else:
            text = f"{'见' if self.zh else 'as'} {due.field} {'' if self.zh else 'says'}".strip()
        if due.or_within is not None:
            text += f",已过则 {self.span(due.or_within)}" if self.zh else f", once past {self.span(due.or_within)}"
        return text

    def node(self, node: str) -> str:
        days = [(name, s.nodes[node].on) for name, s in self.flow.nodes.items() if node in s.nodes]
        return f"{self.code(node)} {days[-1][1]}" if days else self.code(node)

    def rules(self, stage: Stage) -> Iterator[str]:
        zh = self.zh
        if stage.materials:
            names = [self.flow.materials[m].title.get(self.lang) for m in stage.materials]
            yield ("材料: " if zh else "papers: ") + ("、" if zh else ", ").join(names)
        if stage.needs is not None:
            yield "须明确包抓责任人" if zh else "a lead must be named"
        if stage.notice is not None:
            window = f" {self.span(stage.notice.for_)}" if stage.notice.for_ is not None else ""
            yield f"公示{window}" if zh else f"notice posted{' for' + window if window else ''}"
        if stage.looks_after:
            posts = ("、" if zh else ", ").join(self.post(p) for p in stage.looks_after)
            yield f"仅限联系单位: {posts}" if zh else f"only for units they look after: {posts}"
        if stage.not_by:
            yield ("回避: " if zh else "not by: ") + ("、" if zh else ", ").join(self.who(w) for w in stage.not_by)
        if stage.close_out is not None:
            yield "逐项销号" if zh else "every line closed"
        if stage.tally is not None:
            t = stage.tally
            yield (
                f"参与 {t.turnout} 知晓 {t.aware} 不满意 {t.dissatisfied}"
                if zh
                else f"turnout {t.turnout}, aware {t.aware}, dissatisfied {t.dissatisfied}"
            )
        if stage.score is not None:
            yield f"评分 {stage.score.pass_}" if zh else f"score {stage.score.pass_}"
        if stage.assess is not None:
            a = stage.assess
            weights = ", ".join(f"{name} {s.weight}" for name, s in a.sources.items())
            yield f"综合评定 {weights}" if zh else f"assessed of {weights}"
            yield ("、" if zh else ", ").join(f"{self.code(g.exit)} {g.from_}" for g in a.grades.values())
        if stage.gate is not None:
            yield from self.gate(stage.gate)

    def gate(self, gate: Gate) -> Iterator[str]:
        zh, between = self.zh, "、" if self.zh else ", "
        if gate.children is not None:
            yield "下级上报齐备" if zh else "reports of all children in"
        if gate.prior:
            flows = between.join(dict.fromkeys(self.code(prior.flow) for prior in gate.prior))
            yield f"须先办理 {flows}" if zh else f"first {flows}"
        if gate.opened:
            lists = between.join(self.code(name) for name in gate.opened)
            yield f"{lists} 所立事项办结" if zh else f"all opened by {lists} finished"
        if gate.everyone:
            flows = between.join(dict.fromkeys(self.code(every.flow) for every in gate.everyone))
            yield f"{flows} 全部到位" if zh else f"every {flows} there"
        if gate.guards:
            yield f"外部条件 {between.join(gate.guards)}" if zh else f"guards {between.join(gate.guards)}"

    # --- ladders

    def rung(self, rung: Rung) -> str:
        span = rung.before if rung.before is not None else rung.after
        assert span is not None
        when = (
            (f"期前 {self.span(span)}" if rung.before is not None else f"逾期 {self.span(span)}")
            if self.zh
            else (f"{self.span(span)} before" if rung.before is not None else f"{self.span(span)} after")
        )
        do = _DO[rung.do][self.zh]
        to = ("、" if self.zh else ", ").join(self.who(w) for w in rung.to)
        if rung.item is None:
            return f"{when}: {do} {to}"
        whom = ("、" if self.zh else ", ").join(self.who(w) for w in rung.whom)
        about = (f"(涉及 {whom})" if self.zh else f" about {whom}") if whom else ""
        return f"{when}: {'向' if self.zh else ''}{to}{do if self.zh else ''}{'' if self.zh else ': propose'} {self.code(rung.item)}{about}"
