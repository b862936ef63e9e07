"""What the invented people write, in both languages. Papers are written in Chinese; sheets in English look the words up."""

from __future__ import annotations

import re

MANIFESTATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "team-incomplete": (
        ("支部委员缺额,分工无人承担", "Committee seats stand empty; nobody does their part"),
        ("书记由他人临时代管,班子运转不畅", "The secretary's work is done by others for the time being"),
        ("重组后班子有待调整,委员两人空缺", "Two members missing since the reorganisation"),
    ),
    "irregular-life": (
        ("“三会一课”未按期召开,记录不全", "Regular meetings and lectures not held on time, records incomplete"),
        ("组织生活会走过场,问题未对账", "Organisational life held as a formality, points never followed up"),
        ("主题党日连续两月未开展", "No theme day for two months running"),
    ),
    "two-skins": (
        ("学习与生产经营脱节,学用分离", "Study is cut off from production"),
        ("党建部署未与年度任务同安排", "Party work is not planned with the year's tasks"),
    ),
    "election-overdue": (
        ("届满七个月未换届", "The term ended seven months ago without an election"),
        ("应换未换,换届方案未报批", "Election due but the plan was never submitted"),
    ),
    "not-established": (
        ("项目部党员已满三人,未建立党组织", "The project has three members or more and no organisation"),
    ),
    "other": (
        ("流动党员联系不到位", "Members working away are out of touch"),
        ("党费收缴台账不清", "The book of dues is not in order"),
    ),
    "responsibility-not-solid": (
        ("责任清单未细化到人", "The list of responsibilities names no persons"),
        ("领导班子有待调整,责任传导不够", "The team is to be adjusted; responsibility is not passed on"),
    ),
}
CAUSES = (
    ("受改革重组影响", "effects of the reorganisation"),
    ("历史遗留问题较为复杂", "a complicated legacy"),
    ("党组织设置不规范或未及时成立", "not set up by the rules or in time"),
)
MEASURES: dict[str, tuple[tuple[str, str], ...]] = {
    "team-incomplete": (
        ("配齐支部班子", "Fill the committee"),
        ("明确委员分工并公开", "Divide the work and make it known"),
    ),
    "irregular-life": (
        ("制定年度组织生活计划", "Draw up a year's plan of meetings"),
        ("补开专题组织生活会", "Hold the meetings owed"),
    ),
    "two-skins": (
        ("设立党员责任区和示范岗", "Set up members' areas at work"),
        ("党建与生产同部署同检查", "Plan and check both together"),
    ),
    "election-overdue": (("报批换届方案", "Submit the election plan"), ("召开党员大会换届选举", "Hold the election")),
    "not-established": (
        ("批复成立党支部", "Approve the new branch"),
        ("召开成立大会,明确负责人", "Hold the founding meeting"),
    ),
    "other": (("建立联系台账并逐人核对", "Keep a book of contacts"), ("按月核对并公示", "Check and post monthly")),
}
TASKS = {
    "team-incomplete": ("配齐配强支部班子", "A complete leading team"),
    "irregular-life": ("组织生活按期规范开展", "Organised life held regularly and in order"),
    "two-skins": ("党建与生产经营融合推进", "Party work and production brought together"),
    "election-overdue": ("按期完成换届", "The election held"),
    "not-established": ("应建尽建,成立党组织", "The organisation established"),
    "other": ("问题逐项解决", "Every point settled"),
}
ROOTS = {  # of categories whose problems come back easily (R150)
    "irregular-life": (
        "支部书记兼职过多,组织生活无人专责",
        "The secretary has too many posts; nobody else is in charge",
    ),
}
AGAIN = ("巩固整改成果,防止再次反弹", "What was mended made to last")
UPDATED = ("健全长效机制并列入季度检查", "Make it last: check every quarter")
REBOUND = ("查找反弹根源并建立月查制度", "Find the root of the rebound and check monthly")
EVIDENCE = ("会议记录或批复扫描件", "minutes or a scan of the approval")
TARGET = ("问题销号,群众认可", "closed out, and recognised by those concerned")
RETURNS = (
    ("原因分析不具体,请补充后重报", "The cause is not specific; add to it and report again"),
    ("具体表现与党建系统信息不一致,请核实", "The manifestation differs from the system; check it"),
    ("措施针对性不强,请逐条明确责任人和时限", "The measures are not specific; name a person and a date for each"),
)
OPINIONS = {
    "prepare": ("已逐项核对,情况属实", "checked point by point, true"),
    "review": ("已审核,同意上报", "reviewed, may be reported upward"),
    "decision": ("会议研究同意", "the meeting agrees"),
    "sign": ("同意", "agreed"),
    "seal": ("同意用印", "sealed"),
}
OTHERS = (
    ("已逐一排查,未发现软弱涣散党组织,特此零报告。", "Every organisation was looked at; none was found. Zero report."),
    ("未填", "not filled in"),
)

_ENGLISH: dict[str, str] = {
    zh: en
    for pairs in (
        *MANIFESTATIONS.values(),
        *MEASURES.values(),
        CAUSES,
        RETURNS,
        tuple(OPINIONS.values()),
        OTHERS,
        tuple(TASKS.values()),
        tuple(ROOTS.values()),
        (AGAIN, UPDATED, REBOUND, EVIDENCE, TARGET),
    )
    for zh, en in pairs
}


_OWN = re.compile(r"（[a-z0-9-]+）$")


def own(text: str, unit: str) -> str:
    """A text of a plan, said of the one unit whose plan it is: what stands in two plans is flagged (R111)."""
    return f"{text}（{unit}）"


def shown(text: str, lang: str) -> str:
    """A text of these papers in a language, beside its unit's name; what is not known here stays as it was written."""
    text = _OWN.sub("", text)
    return text if lang == "zh" else _ENGLISH.get(text, text)
