"""The sheets that such an office prints at the end, from what the run left in its database and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from rich.table import Table
from rich.text import Text

from workflow import views
from workflow.clock import local_day
from workflow.demo.frame import CAMPAIGN, COUNTED, END, FIRST, LAST, MEASURES, RECTIFY, REPORT, ZONE, report_of
from workflow.demo.ledger import Ledger
from workflow.demo.tables import RIGHT, TIGHT, Paper
from workflow.demo.wording import Wording
from workflow.demo.words import shown
from workflow.desk import Desk
from workflow.trace import Statement, trace

RUNGS = {"reminded": ("催办", "reminder"), "proposed": ("提出建议", "proposal")}
PLACES = {
    "handler": ("经办人", "handler"),
    "department": ("部门审核", "department"),
    "decide": ("会议研究", "committee"),
    "secretary": ("书记签批", "secretary"),
    "seal-keeper": ("盖章", "seal"),
}
MARKS = {"sign": ("(签)", "signed"), "decide": ("(纪要)", "minutes")}
NODES = {
    "investigation": ("排查摸底", "investigation"),
    "register-update": ("更新名册和措施清单", "register and measures"),
    "rectification": ("集中整顿", "rectification"),
    "acceptance": ("评估验收", "acceptance"),
}
ROWS = 5  # rows of long sheets on the screen; all of them stand in the CSV file


class Sheets:
    """Prints the sheets of one database, which a person at the terminal names as ``database``. Read only."""

    def __init__(self, desk: Desk, result: dict[str, Any], paper: Paper, database: str = "demo.db") -> None:
        self.desk = desk
        self.result = result
        self.paper = paper
        self.database = database
        self.lang = paper.lang
        self.words = Wording(desk, paper)

    def print_all(self) -> None:
        """All sheets in the order in which the campaign went."""
        for sheet in (
            self.roll_call,
            self.categories,
            self.analysis_sheet,
            self.register,
            Ledger(self.desk, self.paper).show,
            self.nodes,
            self.missed,
            self.signers,
            self.left_out,
            self.second_round,
            self.closing,
        ):
            sheet()

    def roll_call(self) -> None:
        p = self.paper
        p.heading(
            "1",
            "排查摸底上报情况",
            "Reports of the investigation",
            p.say(
                "截至 2019-09-01 00:00;零报告是逐级签字的声明,未报另列,三者互不相混",
                "as of 2019-09-01 00:00; a zero report is a statement signed level by level, missing is a third class",
            ),
        )
        rows = []
        for level, call in self.result["reports_by_level"].items():
            style = "bold" if level == "group" else ""
            cells = [self.words.level(level), *(str(call[k]) for k in ("owed", "reported", "zero", "missing"))]
            rows.append([Text(c, style=style) for c in cells])
        heads = [p.say("应报", "owed"), p.say("上报", "reported"), p.say("零报告", "zero"), p.say("未报", "missing")]
        p.table([p.say("层级", "level"), *((h, RIGHT) for h in heads)], rows)
        groups = self.result["supervision_groups"]
        for group, units in groups.items():
            numbers = " ".join(u[1:] for u in units)
            p.line(
                f"{self.words.name(group)}联系 {len(units)} 家:{numbers}",
                f"{self.words.name(group)} guides {len(units)}: {numbers}",
            )

    def categories(self) -> None:
        p, items = self.paper, self.result["items"]
        p.heading("2", "整顿对象分类", "Organisations found, by category")
        rows: list[Sequence[Any]] = [[self.words.category(c), n] for c, n in items["by_category"].items()]
        rows.append([Text(p.say("合计", "total"), style="bold"), Text(str(items["total"]), style="bold")])
        p.table([p.say("问题类型", "category"), (p.say("个数", "number"), RIGHT)], rows)
        p.line(
            f"分布在 {items['enterprises']} 家企业;另有 {items['watch']} 个党组织列为关注对象"
            f"(党建责任落实不够实),集中在 1 家零报告企业,不计入名册。",
            f"In {items['enterprises']} enterprises. Beside the register {items['watch']} of the watch class, all in one "
            f"enterprise that reported zero.",
        )

    def _shown_enterprise(self) -> str:
        """An enterprise with three levels below it and a handful of findings."""
        rows = [r for r in views.register(self.desk, RECTIFY, CAMPAIGN, COUNTED) if r.klass == "register"]
        found = Counter(r.unit.split("-")[0] for r in rows)
        changed = [e for e in found if len(self.words.org.path(f"{e}-b01", "2019-08-31")) == 5 and 3 <= found[e] <= 5]
        return min(changed or list(found), key=lambda e: (abs(found[e] - 4), e))

    def analysis_sheet(self) -> None:
        p = self.paper
        unit = self._shown_enterprise()
        item = report_of(unit)
        case, definition = self.desk.case_of(item)
        held = views.contents(self.desk, item)
        lines = [line["cells"] for line in self.desk.lines_of(item, "found-list")]
        material = definition.flow.materials["analysis-sheet"].title
        p.heading(
            "3",
            material.zh,
            material.en.capitalize(),
            p.say("逐级签字上报:谁排查谁负责,谁签字上报谁负责", str(definition.flow.liability.en)),
        )
        looked = held["analysis-sheet"]["investigated"]
        p.line(
            f"填报单位:{self.words.name(unit)}    排查党组织:{looked} 个    列入整顿对象:{len(lines)} 个    "
            f"内容摘要:{case.content[7:23]}…",
            f"Unit: {self.words.name(unit)}    organisations looked at: {looked}    found: {len(lines)}    "
            f"content: {case.content[7:23]}…",
        )
        p.table(
            [
                (p.say("序号", "no"), RIGHT),
                (p.say("党组织", "organisation"), TIGHT),
                (p.say("问题类型", "category"), {}),
                (p.say("具体表现", "manifestation"), {}),
                (p.say("原因", "cause"), {}),
            ],
            [
                [
                    n,
                    self.words.name(line["unit"]),
                    self.words.category(line["category"]),
                    shown(line["manifestation"], self.lang),
                    shown(line["cause"], self.lang),
                ]
                for n, line in enumerate(lines, start=1)
            ],
            lines=True,
            expand=True,
        )
        signed = [s for s in views.signatures(self.desk, item, END - 1) if not s.superseded]
        head, names, days = [], [], []
        for s in signed:
            head.append((self._place(s, unit), {"justify": "center", "ratio": 1}))
            sealed = s.post == "seal-keeper"
            mark = (
                Text(p.say("〔印〕", "[SEAL]"), style="bold red")
                if sealed
                else Text(p.say(*MARKS[s.kind]), style="dim")
            )
            names.append(mark.append(f"\n{self.words.name(s.person)}", style="not bold not dim default"))
            days.append(self.words.at(s.at))
        p.table(head, [names, days], lines=True, expand=True)

    def _place(self, s: views.SignatureRow, unit: str) -> str:
        if s.unit != unit:
            return self.paper.say("监管机构审核", "regulator's review")
        return self.paper.say(*PLACES[s.kind if s.kind == "decide" else s.post])

    def register(self) -> None:
        p = self.paper
        rows = [r for r in views.register(self.desk, RECTIFY, CAMPAIGN, COUNTED) if r.klass == "register"]
        p.heading(
            "4",
            "整顿对象名册",
            "Register",
            p.say(f"2019-09-01 在册 {len(rows)} 个,前 {ROWS} 行", f"{len(rows)} on 2019-09-01, the first {ROWS} rows"),
        )
        body = []
        for n, r in enumerate(rows[:ROWS], start=1):
            path = self.words.org.path(r.unit, "2019-08-31")
            body.append(
                [
                    n,
                    *(self.words.name(path[k]["unit"]) for k in (0, 1)),
                    self.words.category(r.category),
                    self.words.stage(r.stage),
                    self.words.at(r.opened_at),
                ]
            )
        p.table(
            [
                (p.say("序号", "no"), RIGHT),
                p.say("党组织", "organisation"),
                p.say("上级党组织", "superior"),
                p.say("问题类型", "category"),
                p.say("环节", "stage"),
                p.say("列入时间", "entered"),
            ],
            body,
        )

    def nodes(self) -> None:
        p, flow = self.paper, self.words.flow.flow
        calendar = self.desk.engine.calendar(self.desk.connection, flow.calendar)
        p.heading(
            "6",
            "节点与日历",
            "Nodes and calendar",
            p.say(
                "节点日为当日全天,次日 00:00 起算逾期",
                "a node is the whole day; from 00:00 of the next day it is missed",
            ),
        )
        rows = []
        for name, nodes in flow.nodes.items():
            for node, held in sorted(nodes.nodes.items(), key=lambda kv: kv[1].on):
                rows.append(
                    [
                        p.say(f"第 {name} 版", f"set {name}"),
                        p.say(*NODES.get(node, (node, node))),
                        held.on.isoformat(),
                        calendar.kind(held.on).zh if self.lang == "zh" else calendar.kind(held.on).en,
                        held.reading.get(self.lang) if held.reading else p.say("当日(含)", "that day, inclusive"),
                    ]
                )
        for day in (date(2019, 9, 29), date(2019, 10, 7)):
            kind = calendar.kind(day)
            works = calendar.is_workday(day)
            rows.append(
                [
                    p.say("日历", "calendar"),
                    p.say("工作日", "working day") if works else p.say("放假", "holiday"),
                    day.isoformat(),
                    kind.zh if self.lang == "zh" else kind.en,
                    p.say("周日上班", "a Sunday on which offices work")
                    if works
                    else p.say("周一放假,不计工作日", "a Monday on which nobody works; not counted"),
                ]
            )
        p.table(
            [
                (p.say("节点版本", "set"), TIGHT),
                (p.say("节点", "node"), TIGHT),
                (p.say("日期", "date"), TIGHT),
                (p.say("日历", "calendar"), {}),
                (p.say("读法", "reading"), {}),
            ],
            rows,
        )

    def missed(self) -> None:
        p = self.paper
        missed = views.missed(self.desk, END - 1)
        fired = Counter((r.what, r.step) for r in views.rungs(self.desk))
        p.heading(
            "7",
            "逾期与逐级督办",
            "Missed nodes and rungs",
            p.say(
                f"逾期 {len(missed)} 项;触发 {sum(fired.values())} 次:"
                + ",".join(f"{RUNGS[k][0]} {n}" for k, n in sorted(self.result["rungs"].items(), reverse=True)),
                f"{len(missed)} missed; {sum(fired.values())} rungs fired: "
                + ", ".join(
                    f"{n} {RUNGS[k][1]}{'s' if n > 1 else ''}"
                    for k, n in sorted(self.result["rungs"].items(), reverse=True)
                ),
            ),
        )
        rows = []
        for m in sorted(missed, key=lambda m: (-m.rungs_fired, m.missed_at))[: ROWS + 1]:
            stage, _, *node = m.rule.split("/")
            late = (local_day(m.met_at, ZONE) - local_day(m.missed_at - 1, ZONE)).days if m.met_at else None
            rows.append(
                [
                    self.words.name(m.unit),
                    p.say(*NODES.get(node[0], (node[0], node[0]))) if node else self.words.stage(stage),
                    local_day(m.missed_at - 1, ZONE).isoformat(),
                    local_day(m.met_at, ZONE).isoformat() if m.met_at else "—",
                    late if late is not None else "—",
                    m.rungs_fired,
                ]
            )
        p.table(
            [
                (p.say("党组织", "organisation"), TIGHT),
                (p.say("环节 / 节点", "stage / node"), {}),
                (p.say("应于", "due"), TIGHT),
                (p.say("实于", "done"), TIGHT),
                (p.say("迟(天)", "days late"), RIGHT),
                (p.say("已触发督办级数", "rungs fired"), RIGHT),
            ],
            rows,
        )
        p.line(
            "引擎只提建议,由人核实情况、听取陈述、集体研究、签批:",
            "The engine proposes; people establish the facts, hear the person, decide and sign:",
        )
        climbs = list(views.rungs(self.desk))
        for proposal in self.result["proposals"]:
            self._proposal(proposal, climbs)

    def _proposal(self, proposal: dict[str, Any], climbs: Sequence[views.RungRow]) -> None:
        """What was proposed, on what ground, who signed the decision on it and where it ended."""
        p = self.paper
        case, definition = self.desk.case_of(proposal["item"])
        about, _ = self.desk.case_of(str(case.fields_["about"]))
        if case.flow == MEASURES:
            person, days = self.words.name(str(case.fields_["person"])), [h["on"][5:] for h in case.fields_["held"]]
            ground = p.say(
                f"{person} 累计约谈 {len(days)} 次({'、'.join(days)})",
                f"{person} was talked with {len(days)} times ({', '.join(days)})",
            )
        else:
            rungs = [r for r in climbs if r.item == about.item and r.rule == case.fields_["rule"]]
            ground = f"{self.words.name(about.unit)} " + " → ".join(
                f"{self.words.at(r.at)[:5]} {p.say(*RUNGS[r.what])}"
                for r in rungs
                if local_day(r.at, ZONE).isoformat() <= proposal["on"]
            )
        signed = [s for s in views.signatures(self.desk, proposal["item"], END - 1) if s.stage == "decision"]
        title = definition.flow.title.get(p.lang).split("(")[0].split("(")[0].strip()
        stage, last = self.words.stage(case.stage, definition), signed[-1]
        signer, on = self.words.name(last.person), self.words.at(last.at)
        p.line(
            f"{title}:{ground};{on} {signer}签批,现为「{stage}」。",
            f"{title}: {ground}; signed by {signer} on {on}, now {stage}.",
        )

    def _shown_item(self) -> str:
        """An item on whose line secretaries changed after they had signed."""
        best, most = "", -1
        for r in views.ledger(self.desk, RECTIFY, CAMPAIGN, END - 1):
            signed = views.signatures(self.desk, r.item, END - 1) if self._changed(r.unit) else []
            changed = sum(1 for s in signed if s.person not in s.now)
            if changed > most:
                best, most = r.item, changed
        return best

    def _changed(self, unit: str) -> bool:
        """Whether a secretary on the unit's line today is another than on the first day of the campaign."""
        line = [u["unit"] for u in self.words.org.path(unit, LAST.isoformat())]
        return any(
            self.words.org.tenures(u, "secretary", FIRST.isoformat())
            != self.words.org.tenures(u, "secretary", LAST.isoformat())
            for u in line[:2]
        )

    def signers(self) -> None:
        p = self.paper
        item = self._shown_item()
        found = trace(self.desk, item, END - 1)
        about = self.words.name(found.about)
        p.heading(
            "8",
            f"谁签的字:{about}",
            f"Who signed: {about}",
            p.say(
                "书记签批,自排查上报至验收;时任为签字之人,现任为 2020-12-31 任职之人",
                "secretaries only, from the report to the acceptance; who held the post then, and who holds it today",
            ),
        )
        self._signed(found.root.walk())
        p.line(
            f"每一级的每一处签字:workflow trace {item} --db {self.database}",
            f"every signature at every level: workflow trace {item} --db {self.database}",
        )

    def left_out(self) -> None:
        """The zero report that an unannounced check found false, and who signed it at each level. Source: R055."""
        p, left = self.paper, self.result["left_out"]
        found = trace(self.desk, left["item"], END - 1)
        name, reports = self.words.name(left["unit"]), self.result["final"]["reports"]
        p.heading(
            "9",
            f"零报告被查否:{name}",
            f"A zero report contradicted: {name}",
            p.say(
                f"{left['opened']} 暗访发现问题:零报告的签字原样保留并标明,漏报事项立项;以下为零报告各级书记签批",
                f"an unannounced check on {left['opened']}: the zero stays as signed and is marked, what it left out is "
                f"opened; the secretaries who signed the zero",
            ),
        )
        self._signed(s for s in found.root.walk() if s.flow == REPORT)
        p.line(
            f"追溯共列出 {len(left['signers'])} 名签字人,其中 {len(left['moved_on'])} 人已不在原任。",
            f"The trace names {len(left['signers'])} signers of it; {len(left['moved_on'])} no longer in that post.",
        )
        p.line(
            f"年末:上报 {reports['reported']} 家,零报告 {reports['zero']} 家,被查否 {reports['contradicted']} 家;"
            f"查前主动补报 {reports['supplemented_below']} 份,不作查否。",
            f"At the end: {reports['reported']} reported, {reports['zero']} zero, {reports['contradicted']} contradicted; "
            f"{reports['supplemented_below']} corrected by its own unit before any check, which is no contradiction.",
        )

    def _signed(self, statements: Iterable[Statement]) -> None:
        """The secretaries of some statements, in the order in which they signed, then and now apart."""
        p = self.paper
        rows: list[tuple[int, list[Any]]] = []
        for statement in statements:
            rows += self._secretaries(statement)
        rows.sort(key=lambda r: r[0])
        p.table(
            [
                (p.say("时间", "when"), TIGHT),
                (p.say("环节", "stage"), {}),
                (p.say("层级", "level"), TIGHT),
                (p.say("签字单位", "unit"), TIGHT),
                (p.say("时任", "then"), TIGHT),
                (p.say("现任", "now"), TIGHT),
                (p.say("说明", "note"), {}),
            ],
            [r for _, r in rows],
        )

    def _secretaries(self, statement: Statement) -> list[tuple[int, list[Any]]]:
        _, definition = self.desk.case_of(statement.item)
        rows = []
        for s in statement.signers:
            if s.post != "secretary" or s.superseded:
                continue
            moved = s.person not in s.now
            notes = [self.paper.say("兜底", "superior")] if s.as_ == "backstop" else []
            notes += [self.paper.say("已换人", "changed")] if moved else []
            note = self.paper.say("、", ", ").join(notes)
            now = Text(self.words.people(s.now), style="yellow" if moved else "")
            rows.append(
                (
                    s.at,
                    [
                        self.words.at(s.at),
                        self.words.stage(s.stage, definition),
                        self.words.level(s.level),
                        self.words.name(s.unit),
                        self.words.name(s.person),
                        now,
                        note,
                    ],
                )
            )
        return rows

    def second_round(self) -> None:
        p, final = self.paper, self.result["final"]
        again = [r for r in views.ledger(self.desk, RECTIFY, CAMPAIGN, END - 1) if r.round > 1]
        p.heading("10", "结果", "What became of it")
        stages = self.paper.say("、", ", ").join(f"{self.words.stage(s)} {n}" for s, n in final["by_stage"].items())
        watch = self.paper.say("、", ", ").join(
            f"{self.words.stage(s)} {n}" for s, n in final["watch_by_stage"].items()
        )
        all_ = sum(final["by_stage"].values())
        p.line(
            f"整顿对象 {all_} 件:{stages}。关注对象:{watch}。",
            f"Register, {all_} items: {stages}. Watch class: {watch}.",
        )
        for r in again:
            if r.item == self.result["rebound"]["item"]:
                p.line(
                    f"{self.words.name(r.unit)}:销号后“回头看”发现问题反弹,原事项进入第 {r.round} 轮,{r.closed_on} 再次销号。",
                    f"{self.words.name(r.unit)}: a look-back found the problem back; the same item went through round "
                    f"{r.round} and was closed again on {r.closed_on}.",
                )
                continue
            p.line(
                f"{self.words.name(r.unit)}:群众测评不满意超过半数,退回限期整改,第 {r.round} 轮通过,{r.closed_on} 销号。",
                f"{self.words.name(r.unit)}: more than half dissatisfied, returned with a new date, passed in round {r.round}, "
                f"closed {r.closed_on}.",
            )
            self._votes()
        for item in final["open"]:
            case, _ = self.desk.case_of(item)
            p.line(
                f"年底未销号:{self.words.name(case.unit)},{self.words.stage(case.stage)}。",
                f"not closed at the year's end: {self.words.name(case.unit)}, {self.words.stage(case.stage)}.",
                "yellow",
            )
        p.line(
            f"销号后“回头看” {self.result['rebound']['look_backs']} 次;跟踪期满归档 {final['archived']} 件,其余仍在动态跟踪:"
            f"易反弹的“组织生活不规范”跟踪期更长,反弹后再次销号的重新计期。",
            f"{self.result['rebound']['look_backs']} look-backs after close-out. {final['archived']} were tracked to the "
            f"end and archived; the others still are: “organised life irregular” comes back easily and is tracked "
            f"longer, and what came back is tracked anew.",
        )
        backed = self.result["backstop"]
        p.line(
            f"兜底:{backed['units']} 个党组织尚未成立或缺书记,由直接上级登记、签字、负责,共 {backed['signatures']} 处签字,均有标注。",
            f"Backstop: {backed['units']} organisations not established or without secretary; their superiors gave "
            f"{backed['signatures']} signatures, marked so.",
        )
        p.line(
            f"退回 {self.result['returns']} 次,均写明理由;结果公示期间异议 {self.result['objections']} 件,重新验收后再公示。",
            f"{self.result['returns']} papers were returned, each with a reason; {self.result['objections']} objection to a "
            f"posted result led back to the acceptance.",
        )

    def _votes(self) -> None:
        """The evaluations that were secret votes of the engine's own: how they turned out, and who cannot be told."""
        p, ballot = self.paper, self.result["ballot"]
        for v in ballot["votes"]:
            p.line(
                f"  无记名投票:应到 {v['eligible']},投票 {v['voted']},知晓 {v['aware']},不满意 {v['dissatisfied']};"
                f"两名监票人共同开箱,票面可由任何人复算,谁投了哪张无从得知。",
                f"  secret vote: {v['eligible']} on the roll, {v['voted']} voted, {v['aware']} aware, {v['dissatisfied']} "
                f"dissatisfied; opened by two scrutineers, its papers anybody's to add up, nobody's to trace to a voter.",
            )

    def closing(self) -> None:
        p, r = self.paper, self.result
        p.heading("11", "验证与不变量", "Verification and invariants")
        rows = [
            [Text("✓", style="bold green") if i["holds"] else Text("✗", style="bold red"), i[self.lang]]
            for i in r["invariants"]
        ]
        half = (len(rows) + 1) // 2
        pairs = [[*rows[n], *(rows[n + half] if n + half < len(rows) else ["", ""])] for n in range(half)]
        grid = Table.grid(padding=(0, 2, 0, 0))
        for pair in pairs:
            grid.add_row(*pair)
        p.console.print(grid)
        v = r["verification"]
        holds = p.say("成立", "holds") if v["holds"] else p.say("不成立", "DOES NOT HOLD")
        p.line(
            f"审计级别 {v['level']},{holds}(日志由虚构见证方联署,核验策略在 log 目录);"
            f"按规则重演 {r['entries']:,} 条记录:{p.say('一致' if v['rules'] == 'hold' else '不一致', '')}。",
            f"Audited to {v['level']}, {holds} (an invented witness cosigned the log; the auditor's policy lies in log/); "
            f"{r['entries']:,} entries replayed by the rules: {v['rules']}.",
        )
        p.line(
            f"办理 {r['acts']:,} 次、签字 {r['signatures']:,} 处、退回 {r['returns']} 次;记录 {r['entries']:,} 条,"
            f"{r['bytes'] / 1e6:.1f} MB;用时 {r['seconds']:.1f} 秒(其中验证 {r['seconds_verifying']:.1f} 秒)。",
            f"{r['acts']:,} acts, {r['signatures']:,} signatures, {r['returns']} returns; {r['entries']:,} entries, "
            f"{r['bytes'] / 1e6:.1f} MB; {r['seconds']:.1f} s, {r['seconds_verifying']:.1f} s of them verifying.",
        )
