"""What must hold of the run whatever its people did. A failing one makes the command fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from workflow.definition.definition import Definition
from workflow.demo import org
from workflow.demo.frame import DECIDED, MEASURES, RECTIFY, REPORT, TALK, report_of
from workflow.demo.history import History, Past, Stay

SIGNING_LEVELS, TALKS, LOOK_BACKS, SCRUTINEERS = 4, 2, 2, 2


class Invariant(NamedTuple):
    """One thing that must hold."""

    name: str
    holds: bool
    zh: str
    en: str


def invariants(
    result: dict[str, Any],
    history: History,
    flows: dict[str, Definition],
    below: dict[str, list[str]],
    world: org.World,
    failed: int,
) -> Iterator[Invariant]:
    """All of them, in the order in which they are printed.

    Args:
        below: unit -> its direct children; ``failed``: rungs that could not fire.
    """
    reports, items, final = result["reports"], result["items"], result["final"]
    parts = [reports[k] for k in ("reported", "zero", "missing", "due")]
    yield Invariant(
        "reports-partition",
        sum(parts) == reports["owed"] == org.ENTERPRISES and reports["reported"] == org.FINDING,
        "应报 = 已报 + 零报告 + 未报",
        "owed = reported + zero + missing",
    )
    yield Invariant(
        "none-missing",
        all(r["missing"] == r["due"] == 0 for r in result["reports_by_level"].values()),
        "各级应报未报均为 0",
        "nothing missing at any level",
    )
    zeros = [p for p in _of(history, REPORT) if p.stays[-1].stage == "zero-reported"]
    yield Invariant(
        "zero-is-signed",
        bool(zeros) and all(p.zero_statement and _fully_signed(p.stays[0]) for p in zeros),
        "零报告逐级均有声明并签字",
        "every zero report is a signed statement",
    )
    yield Invariant(
        "parts-sum",
        sum(items["by_category"].values()) == items["total"] and items["by_category"] == org.CATEGORIES,
        "分类之和 = 总数",
        "the categories sum to the total",
    )
    yield Invariant(
        "watch-apart",
        items["watch"] == org.WATCHED and world.watch_enterprise not in {u.split("-")[0] for u in world.found},
        "关注对象不计入名册",
        "the watch class is not in the register",
    )
    yield from _after_the_check(result, history, world)
    groups = result["supervision_groups"]
    together = [u for units in groups.values() for u in units]
    yield Invariant(
        "groups-disjoint",
        [len(u) for u in groups.values()] == [org.GUIDED // org.GROUPS] * org.GROUPS
        and len(set(together)) == org.GUIDED,
        "督导组分工不重不漏",
        "supervision groups: none twice, none left out",
    )
    yield Invariant(
        "no-level-skipped",
        all(_after_children(history, unit, below) for unit in below),
        "下级未齐,上级未签",
        "no level signed before its children",
    )
    yield Invariant(
        "every-place-signed",
        all(_fully_signed(s) for p in history.pasts.values() for s in p.stays if _complete(s)),
        "已走完的环节签字齐全",
        "every completed stage has all its signatures",
    )
    yield Invariant(
        "two-persons",
        all(_two_persons(s, flows[p.flow]) for p in history.pasts.values() for s in p.stays if p.flow in flows),
        "须两人之处无一人兼签",
        "two persons where two are required",
    )
    rectified = [p for p in _of(history, RECTIFY) if p.unit in world.found or p.unit == world.overlooked]
    yield Invariant(
        "second-nodes-bind",
        len(rectified) == items["total"] + 1 and all(p.nodes == "2" for p in rectified),
        "在办事项均适用 9 月 26 日节点",
        "open items are bound by the nodes of 26-09",
    )
    failures = [s for p in rectified for s in p.stays if s.stage == "mass-evaluation" and s.exit == "failed"]
    yield Invariant(
        "one-second-round",
        len(failures) == 1 and final["rounds"].get("2") == 2 and sum(final["rounds"].values()) == items["total"] + 1,
        "测评未通过一件、反弹一件,各进入第 2 轮",
        "one failed evaluation, one rebound: round 2",
    )
    yield from _secret_votes(result, history)
    yield Invariant(
        "answered-for",
        history.answered_above >= {u for u, kind in world.found.items() if kind == "not-established"},
        "应建未建者由直接上级兜底签字",
        "not established: the superior answers",
    )
    yield Invariant(
        "rungs-once",
        failed == 0 and bool(history.rungs) and set(history.rungs.values()) == {1},
        "每级督办只触发一次",
        "each rung fired exactly once",
    )
    yield Invariant(
        "proposal-decided",
        bool(result["proposals"]) and all(p["stage"] in DECIDED for p in result["proposals"]),
        "督办建议由人研究决定",
        "what the ladder proposed, people decided",
    )
    yield from _after_close_out(result, history, rectified)
    yield Invariant(
        "verification-holds",
        result["verification"]["holds"] and result["verification"]["rules"] == "hold",
        "全部记录验证无误,按规则重演一致",
        "history verifies and replays by the rules",
    )


def _secret_votes(result: dict[str, Any], history: History) -> Iterator[Invariant]:
    """The votes held by the engine: each sheet is the sum of its papers. Source: R134, R137."""
    ballot = result["ballot"]
    stays = [s for s in history.pasts[ballot["item"]].stays if s.issuer]
    signers = [{signed["person"] for signed in s.signed.values()} for s in stays]
    yield Invariant(
        "ballot-recounted",
        [s.exit for s in stays] == ["failed", "passed"]
        and len(ballot["votes"]) == len(stays)
        and all(v["recounted"].items() <= v.items() for v in ballot["votes"])
        and all(len(who) == SCRUTINEERS and s.issuer not in who for s, who in zip(stays, signers, strict=True)),
        "无记名投票:计票单与票面相符,两人监票",
        "secret votes: each sheet is the sum of its papers",
    )


def _after_the_check(result: dict[str, Any], history: History, world: org.World) -> Iterator[Invariant]:
    """The zero report that was false, and the one that its unit corrected in time. Source: 「应报未报」, R055."""
    final, left_out = result["final"], result["left_out"]
    reports, zero = final["reports"], history.pasts[report_of(world.overlooked)]
    parts = [reports[k] for k in ("reported", "zero", "contradicted", "missing")]
    yield Invariant(
        "zero-contradicted",
        sum(parts) == reports["owed"]
        and reports["contradicted"] == 1
        and zero.marks == ["contradicted"]
        and zero.stays[-1].stage == "zero-reported"
        and _fully_signed(zero.stays[0])
        and final["items"] == result["items"]["total"] + 1
        and left_out["unit"] == world.overlooked,
        "零报告被查否:签字原样保留,漏报事项立项",
        "a false zero stays as signed; its item opens",
    )
    line = [history.pasts[report_of(u)] for u in left_out["line"]]
    signed = {s["person"] for p in line for stay in p.stays for s in stay.signed.values()}
    yield Invariant(
        "signers-named",
        len(line) == SIGNING_LEVELS and signed == set(left_out["signers"]) and bool(left_out["moved_on"]),
        "追溯列出各级签字人,时任现任分列",
        "the trace names every signer, then and now apart",
    )
    corrected = [p for p in _of(history, REPORT) if p.marks == ["supplemented"]]
    yield Invariant(
        "supplement-is-none",
        len(corrected) == reports["supplemented_below"] == 1 and result["refusals"] == ["gate-closed", "wrong-stage"],
        "查前补报不作查否",
        "corrected before any check: no contradiction",
    )


def _after_close_out(result: dict[str, Any], history: History, rectified: list[Past]) -> Iterator[Invariant]:
    """Talks counted, look-backs held, a problem that came back. Source: R147, R148, R170."""
    counted = [p for p in result["proposals"] if p["flow"] == MEASURES]
    talks = [p for p in result["proposals"] if p["flow"] == TALK and p["stage"] == "closed"]
    yield Invariant(
        "second-talk-proposes",
        len(talks) == TALKS and len(counted) == 1,
        "累计约谈两次,只启动研究",
        "the second talk only opens the question of measures",
    )
    yield Invariant(
        "looked-back",
        all(p.look_backs >= LOOK_BACKS for p in rectified if any(s.exit == "unopposed" for s in p.stays)),
        "销号后均按期“回头看”",
        "looked back at all that was closed out",
    )
    back = [p for p in rectified if any(s.exit == "rebound" for s in p.stays)]
    yield Invariant(
        "rebound-same-item",
        [p.item for p in back] == [result["rebound"]["item"]]
        and [s.stage for s in back[0].stays].count("acceptance") == 2
        and back[0].stays[-1].stage == "closed",
        "反弹为同一事项的下一轮,重新验收",
        "a rebound is the same item's next round",
    )


def _of(history: History, flow: str) -> list[Past]:
    return [p for p in history.pasts.values() if p.flow == flow]


def _complete(stay: Stay) -> bool:
    return bool(stay.exit) and stay.exit not in ("returned", "rebound")


def _fully_signed(stay: Stay) -> bool:
    return stay.signed.keys() == stay.slots.keys()


def _after_children(history: History, unit: str, below: dict[str, list[str]]) -> bool:
    own = history.pasts.get(report_of(unit))
    children = [history.pasts[report_of(c)] for c in below[unit] if report_of(c) in history.pasts]
    return own is None or all(0 < c.settled_at <= own.first_signed_at for c in children)


def _two_persons(stay: Stay, definition: Definition) -> bool:
    groups = definition.chain_of(definition.stage(stay.stage)).two_persons
    signed = list(stay.signed.values())
    for n, a in enumerate(signed):
        for b in signed[n + 1 :]:
            if a["person"] != b["person"] or a["unit"] != b["unit"]:
                continue
            if any(a["post"] in g and b["post"] in g and (a["post"] != b["post"] or len(g) == 1) for g in groups):
                return False
    return True
