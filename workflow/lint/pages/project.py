"""Pages on what a project says beside its flows: overlays, tests, the organisation, calendars."""

# ruff: noqa: E501  a table reads better with one page a block
from __future__ import annotations

from workflow.lint.pages.page import MARK as M
from workflow.lint.pages.page import Page

O, T, U, V, C = "hazard.plant-two.yaml", "hazard.test.yaml", "org/units.csv", "org/tenures.csv", "calendars/works.yaml"  # noqa: E741
OVERLAYS = (
    Page("overlay-loosens", "下级对上级定义只可加严(更早、更短、更高),不可放宽。提示中写明是哪一个键。来源:S0 「坚持主题不变、标准不降、力度不减」,R209。", "A lower level may only tighten a higher one's rule: earlier, shorter, higher. The key that loosens is named. Source: S0 「坚持主题不变、标准不降、力度不减」, R209.", 'pass: ">= 80"', f'pass: {M}">= 60"', O),
    Page("overlay-too-many-steps", "增加的签位超过上级定义准许的数目(overlays: extra-steps);未写明即不得增加。", "More places are added than the higher definition grants (overlays: extra-steps); where it says nothing, none.", "  plan: {slots: guard}", f"  plan: {{slots: [guard, {M}guard]}}", O),
    Page("overlay-redefines", "加严只可增加,不可改写上级已定义的内容,也不可换一种时限依据。", "An overlay adds; it redefines nothing, and lets no due count from another thing.", "  guard: {title", f"  guard: {{title: {{zh: 安全员, en: guard}}, may: review}}\n  {M}clerk: {{title", O),
    Page("overlay-version", "加严所依的版本不是现行版本:上级改版后须重新核对加严内容。", "The overlay lies over another version than is here: after a change above, look at it anew.", 'over: {flow: hazard, version: "1"}', f'over: {{flow: hazard, version: {M}"0"}}', O),
    Page("unknown-obligation", "上级定义中没有这项定期应报。", "The flow has no such obligation.", "ladder:\n", f"obligations:\n  {M}by-week: {{at: \"12:00\"}}\nladder:\n", O),
)  # fmt: skip
TESTS = (
    Page("not-a-moment", "时刻写作 2025-03-03 09:00。", "A moment is written 2025-03-03 09:00.", "start: 2025-03-03 09:00", f"start: {M}2025-03-03", T),
    Page("duplicate-scenario", "场景代码重复。", "Two scenarios have one code.", "scenarios:\n", "scenarios:\n  - {scenario: reported, name: 虚构, start: 2025-03-03 09:00, steps: []}\n", T, f"  - scenario: {M}reported"),
    Page("unknown-act", "没有这个办理动作。", "There is no such act.", "do: submit", f"do: {M}sumbit", T),
    Page("unknown-unit", "场景的组织中没有这个单位。", "The organisation of the test has no such unit.", "unit: t1\n", f"unit: {M}t9\n", T),
    Page("unknown-person", "场景的组织中没有此人。", "Nobody of this name is in the organisation of the test.", "do: sign\n        by: clerk@t1", f"do: sign\n        by: clerk@t1\n        person: {M}p99", T),
    Page("unknown-earlier-scenario", "given 所指的场景须写在前面。", "The scenario in given stands earlier in the file.", "given: reported", f"given: {M}reportd", T),
    Page("unknown-refusal", "没有这个拒绝代码。", "No act is refused with this code.", "{open: head@t1, class: none}", f"{{refused: {M}out-of-trun}}", T),
    Page("unknown-class", "分类为 register、watch、unannounced、carried-out 或 none。", "A class is register, watch, unannounced, carried-out or none.", "class: none", f"class: {M}nun", T),
    Page("unknown-capacity", "身份为 holder、acting 或 backstop。", "A capacity is holder, acting or backstop.", "{open: head@t1, class: none}", f"{{as: {M}stand-in}}", T),
    Page("unknown-rung", "督办措施为 remind,或流程所能启动的流程。", "A rung is remind, or a flow that may be opened.", "- {do: admonitory-talk, on: 2025-03-13}", f"- {{do: {M}admonitory-tlak, on: 2025-03-13}}", T),
    Page("unknown-node-set", "没有这一版节点表。", "The flow has no such set of nodes.", "- do: sign\n        by: clerk@t1\n        opinion: 属实\n        expect: {open: head@t1, class: none}", f'- do: adopt-nodes\n        by: head@t1\n        nodes: {M}"3"', T),
    Page("unknown-notice", "没有这项公示内容。", "The flow has no notice of this content.", "- do: sign\n        by: clerk@t1\n        opinion: 属实\n        expect: {open: head@t1, class: none}", f"- do: post-notice\n        by: head@t1\n        content: {M}reslt", T),
    Page("unknown-state", "没有这个应报状态。", "There is no such state of a report that is owed.", "{open: head@t1, class: none}", f"{{owed: {M}lost}}", T),
)  # fmt: skip
ORG = (
    Page("org-fault", "组织数据(units.csv、persons.csv、tenures.csv)有误:列名、日期、编号或上下级不对。", "A file of the organisation (units.csv, persons.csv, tenures.csv) does not hold: a column, a date, an id or a parent.", "t1,team,w1,示", f"{M}t1,team,w9,示", U),
    Page("org-level-unknown", "没有流程使用该单位的层级:多为层级代码写错。", "No flow knows the level of this unit; its code is probably misspelt.", "t2,team,w1,示", f"{M}t2,gang,w1,示", U),
    Page("no-signer", "该单位当日无人可签批,上级也无人兜底:上报到此中断。来源:R017。", "On that day nobody can sign in the unit, and nobody above stands in: a report would stop here. Source: R017.", "p1,p1,head,2020-01-01,,\n", "", V, "p1,"),
    Page("place-without-person", "签字链在该单位的某个签位无人任职,也无兜底:事项会停在这里。", "Nobody holds a post for which a chain waits in this unit, and nobody stands in: an item would stop here.", "p5,w1,clerk,2020-01-01,,\n", "", V, "w1,"),
    Page("separation-unsatisfiable", "要求两人的签位在该单位只有同一人任职:分离要求无法满足。", "Places that want two persons are held by one person in this unit: it cannot be met.", "p4,w1,office,2020-01-01,,\n", "p5,w1,office,2020-01-01,,\n", V, "w1,"),
)  # fmt: skip
CALENDARS = (
    Page("calendar-encoding", "日历文件不是 UTF-8 编码。", "The calendar is not UTF-8.", "", b"calendar: \xb0\xa1\nyears: {}\n", C),
    Page("calendar-yaml", "日历文件无法读取:多为引号、括号或缩进有误。", "The calendar cannot be read: a quotation mark, a bracket or the indentation.", "weekend: [sat, sun]", "weekend: [sat, sun", C),
    Page("calendar-empty", "日历中至少要有一个已公布年度。", "A calendar has at least one published year.", "years:…", "years: {}\n", C),
    Page("calendar-key", "日历中未知的键。", "A key of the calendar is not known.", "    workdays: [2025-01-26", f"    {M}closed: []\n    workdays: [2025-01-26", C),
    Page("calendar-lacking", "日历缺少必须写明的键。", "A key that a calendar must have is lacking.", "weekend: [sat, sun]\n", "", C),
    Page("calendar-twice", "日历中同一键重复。", "A key of the calendar stands there twice.", "weekend: [sat, sun]\n", f"weekend: [sat, sun]\n{M}weekend: [sun]\n", C),
    Page("calendar-shape", "此处应为列表或“键: 值”。", "A list or a map is needed here.", "    workdays: [2025-01-26, 2025-02-08]", f"    workdays: {M}2025-01-26", C),
    Page("calendar-code", "日历代码只含小写字母、数字和连字符。", "A code of a calendar has small letters, digits and hyphens.", "calendar: works", f"calendar: {M}Works", C),
    Page("calendar-text", "此处应为文本。", "A text is needed here.", "zh: 春节,", f"zh: {M}\"\",", C),
    Page("calendar-weekday", "星期写作 mon 至 sun。", "A weekday is one of mon to sun.", "weekend: [sat, sun]", f"weekend: [sat, sun, {M}saturday]", C),
    Page("calendar-year", "年度写作四位数字。", "A year has four digits.", "years:\n", f"years:\n  {M}25: {{holidays: [], workdays: []}}\n", C),
    Page("calendar-date", "日期写作 2025-10-01,且属于该年度(或上年末周)。", "A date is written 2025-10-01 and belongs to the year, or to the week before it.", "from: 2025-01-28, to", f"from: {M}2025-1-28, to", C),
    Page("calendar-order", "止日早于起日。", "The last day comes before the first.", "from: 2025-01-28, to: 2025-02-04", f"from: 2025-02-04, to: {M}2025-01-28", C),
    Page("calendar-overlap", "同一天被安排了两次。", "One day is arranged twice.", "    workdays: [2025-01-26", f"    workdays: [{M}2025-01-29, 2025-01-26", C),
    Page("calendar-workday", "调休上班日应是周末。", "A make-up working day is a day of the weekend.", "    workdays: [2025-01-26", f"    workdays: [{M}2025-03-05, 2025-01-26", C),
    Page("calendar-festival", "节日未在 festivals 中定义。", "The holiday is not among the festivals.", "{festival: spring,", f"{{festival: {M}sprin,", C),
)  # fmt: skip
OTHER = (
    Page("unreadable-file", "文件不存在,或没有读取权限。", "The file is not there, or may not be read.", "workflow lint repair.yaml", "workflow lint repiar.yaml", ""),
    Page("not-recognised", "文件既不是流程、测试、日历,也不是加严文件:多为缺少最外层的键。", "The file is neither a flow, a test, a calendar nor an overlay; its top keys are probably missing.", 'flow: repair\nversion: "1"\n', "title: {zh: 报修, en: repair}\nstages: []\n", ""),
    Page("meant-unknown", "meant 之下须是 lint 的提醒代码(workflow explain 列出全部)。错误不能以“有意”略过。", "Under meant stand codes of lint's warnings, as workflow explain lists them. An error cannot be meant.", "stages:\n", f"meant:\n  {M}obligation-withot-zero: {{zh: 虚构的理由, en: an invented reason}}\nstages:\n"),
    Page("meant-for-nothing", "流程说明了某项提醒是有意的,而此处并无该提醒:多为改后遗留,请删去。", "The flow says why a warning is as it should be, and nothing here warns of it: probably left over from before a change.", "stages:\n", f"meant:\n  {M}obligation-without-zero: {{zh: 虚构的理由, en: an invented reason}}\nstages:\n"),
    Page("duplicate-flow", "两个文件定义了同一流程的同一版本。改动须用新版本号:已发布的版本不再改变。", "Two files define one version of one flow. A change is a new version: what is published never changes.", '# repair.yaml\nflow: repair\nversion: "1"\n# repair-2.yaml\nflow: repair\nversion: "2"\n', '# repair.yaml\nflow: repair\nversion: "1"\n# repair-2.yaml\nflow: repair\nversion: "1"\n', ""),
    Page("not-canonical", "内容无法写成唯一的字节形式,因此不能签字。多为文本中有未规范化的字符。", "What the file says has no one form in bytes, so nobody could sign it; a text probably holds characters that are not normalised.", "title: {zh: 咖啡室, en: caf\u00e9}\n", "title: {zh: 咖啡室, en: cafe\u0301}\n", ""),
)  # fmt: skip
PAGES = (*OVERLAYS, *TESTS, *ORG, *CALENDARS, *OTHER)
