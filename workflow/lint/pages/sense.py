"""Pages on what a flow says: names, parts, stages, dues, chains, ladders."""

# ruff: noqa: E501  a table reads better with one page a block
from __future__ import annotations

from workflow.lint.pages.page import MARK as M
from workflow.lint.pages.page import Page

R, W = "report.yaml", "weekly.yaml"
_SCORE = 'score: {material: scorecard, field: total, pass: ">= 70", passed: good, failed: bad}'
_NAMES_ZH = "名称须与定义处一字不差;提示中有最接近的写法。"
_NAMES_EN = "A name is written exactly as where it is defined; the nearest one is shown."

NAMES = (
    Page("unknown-stage", f"去向所指的阶段不存在。{_NAMES_ZH}", f"An exit leads to a stage that is not there. {_NAMES_EN}", "serious: plan,", f"serious: {M}paln,"),
    Page("unknown-post", f"职务未在 posts 中定义。定义中只写职务,不写人。{_NAMES_ZH}", f"The post is not in posts. Definitions name posts, never persons. {_NAMES_EN}", "slots: {office: workshop}", f"slots: {{{M}offise: workshop}}"),
    Page("unknown-of", "单位应为 own(本单位)、superior(上一级)、next-above(再上一级)、top(最高级)或某一层级。", "The unit is own, superior, next-above, top, or the name of a level.", "slots: {office: workshop}", f"slots: {{office: {M}workshp}}"),
    Page("unknown-chain", f"签字链未在 chains 中定义。{_NAMES_ZH}", f"The chain is not in chains. {_NAMES_EN}", "    chain: upward", f"    chain: {M}upwrd"),
    Page("unknown-body", f"会议机构未在 bodies 中定义。{_NAMES_ZH}", f"The body is not in bodies. {_NAMES_EN}", "full: [clerk, office, {decision: safety-meeting,", f"full: [clerk, office, {{decision: {M}safty-meeting,"),
    Page("unknown-material", f"材料未在 materials 中定义(reason、opinion 由签批人直接填写,无须定义)。{_NAMES_ZH}", f"The material is not in materials (reason and opinion are written by the signer and need no entry). {_NAMES_EN}", "materials: [finding, crew]", f"materials: [finding, {M}crow, crew]"),
    Page("unknown-node", f"节点不在任何一版节点表中。{_NAMES_ZH}", f"No set of nodes has this node. {_NAMES_EN}", "also-due: [{node: update", f"also-due: [{{node: {M}updat"),
    Page("unknown-ladder", f"督办阶梯未在 ladder 中定义:逾期将无人过问。{_NAMES_ZH}", f"The ladder is not in ladder: nobody would ask when it is late. {_NAMES_EN}", "within: 2 workdays, ladder: overdue}", f"within: 2 workdays, ladder: {M}overdu}}"),
    Page("unknown-level", f"层级未在 levels 中列出。{_NAMES_ZH}", f"The level is not in levels. {_NAMES_EN}", "levels: {from: team, to: plant", f"levels: {{from: team, to: {M}plent"),
    Page("unknown-exit", f"本阶段没有这个去向。{_NAMES_ZH}", f"The stage has no such exit. {_NAMES_EN}", "passed: good, failed", f"passed: {M}goood, failed"),
    Page("unknown-field", f"材料没有这个字段。{_NAMES_ZH}", f"The material has no such field. {_NAMES_EN}", "field: total", f"field: {M}totl"),
    Page("unknown-choice", f"该字段没有这个选项。{_NAMES_ZH}", f"The field has no such choice. {_NAMES_EN}", "counts: {result: [serious, watch]}", f"counts: {{result: [serious, {M}wach]}}", R),
    Page("unknown-category", "字段选项取自 categories,而本流程没有类别。", "The field takes its choices from categories, and there are none like this.", "categories:\n  fire: {zh: 消防, en: fire}\n  machine: {zh: 设备, en: machine}\n", "", at=f"choices-from: {M}categories"),
    Page("unknown-flow", f"所启动的流程不存在:既不在本项目中,也非随附。{_NAMES_ZH}", f"No such flow stands in this project or ships with the library. {_NAMES_EN}", "item: admonitory-talk", f"item: {M}admonitry-talk"),
    Page("unknown-counter", f"累计计次未在 counters 中定义。{_NAMES_ZH}", f"The counter is not in counters. {_NAMES_EN}", "{to: tracked, counts: talks}", f"{{to: tracked, counts: talks, reverses: {M}talk}}"),
    Page("unknown-festival", "日历中没有这个节日。", "The calendar has no such holiday.", "{before: National Day}", f"{{before: {M}Natonal Day}}"),
    Page("unknown-timezone", "没有这个时区;北京时间写作 Asia/Shanghai。", "No such time zone; Beijing time is Asia/Shanghai.", "timezone: Asia/Shanghai", f"timezone: {M}Asia/Shanghi"),
    Page("unknown-calendar", "日历既非随附,也不在本文件旁:工作日无从计算。", "The calendar neither ships nor stands beside this file: nothing says which days are working days.", "calendar: cn", f"calendar: {M}cm"),
)  # fmt: skip

PARTS = (
    Page("title-of-nothing", "titles 为层级、去向、节点、督办阶梯、建议启动的流程、报送义务、申报和选项写明名称;此代码不在其中,多为写错。职务、阶段、材料的名称写在各自的 title。", "Under titles stand names of levels, ways out, nodes, ladders, proposed flows, reports owed, claims and choices; this code is none of them, and probably misspelt. Posts, stages and materials have a title of their own.", "titles: {overdue:", f"titles: {{{M}overdeu:"),
    Page("no-level", "没有列出任何层级。层级由下而上列出。", "No level is named. Levels are listed from the bottom up.", "levels: [team, workshop]", f"levels: {M}[]", W),
    Page("duplicate-level", "同一层级列了两次。", "One level stands in the list twice.", "levels: [team, workshop, plant]", f"levels: [team, workshop, plant, {M}team]"),
    Page("reserved-name", "own、superior、next-above、top、responsible 另有含义,不能用作层级或职务代码;文书字段不能名为 lines、closed、links(清单专用),名为 words 的须为文本。", "own, superior, next-above, top and responsible mean something; no level or post can be called so. No field of a document is called lines, closed or links, which lists say of themselves, and one called words is a text.", "levels: [team, workshop, plant]", f"levels: [team, workshop, plant, {M}top]"),
    Page("duplicate-category", "同一类别既在 categories 又在 watch-class:关注对象不进台账,二者须分开(R024)。", "One category stands both in categories and in watch-class. Whoever is watched is not in the register; the two are kept apart (R024).", "  habit: {zh: 习惯性违章", f"  {M}fire: {{zh: 习惯性违章"),
    Page("no-first-responsible", "没有第一责任人职务。每件事要有第一责任人(R007)。", "No post is first-responsible. Every matter has somebody who answers first (R007).", "first-responsible: true, ", "", at=f"{M}posts:\n"),
    Page("duplicate-in-force", "两版节点表同日生效,无法判断适用哪一版。", "Two sets of nodes take force on one day: nothing says which one binds.", '"2": {in-force: 2025-05-01', f'"2": {{in-force: {M}2025-03-01'),
    Page("node-dropped", "新版节点表生效时,旧版节点尚未到期,而新版未列:该节点将无声消失。", "A node is still to come when a new set takes force, and the new set lacks it: it would vanish without a word.", "rectify: 2025-07-31, ", "", at=f"{{node: {M}rectify, or"),
    Page("nodes-out-of-order", "后一阶段的节点早于前一阶段:无法依次完成。", "The node of a later stage comes before that of an earlier one: they cannot be met in turn.", "rectify: 2025-06-30}", f"rectify: {M}2025-03-15}}"),
    Page("node-before-in-force", "节点在其版本生效前已过。", "The node had passed before its set took force.", "plan: 2025-03-31,", f"plan: {M}2025-02-28,"),
    Page("calendar-year-missing", "该年工作日安排尚未公布(或日历中缺该年):时限只能暂定,从不推算。", "The working days of that year are not published, or the calendar lacks them: dues are provisional, never guessed.", "rectify: 2025-07-31,", f"rectify: {M}2041-07-31,"),
    Page("zero-span", "时长为零:一开始就已逾期。", "A span of nothing: it would be overdue as it begins.", "due: 5 workdays", f"due: {M}0 workdays"),
    Page("field-choices", "choice 字段须有选项,其他字段不得有。", "A choice has choices, and only a choice has them.", "what: {type: text, max: 500}, seen-on", f"{M}what: {{type: choice}}, seen-on"),
    Page("empty-choices", "选项为空:无从选择,表单填不下去。", "There is nothing to choose from: nobody could fill in the form.", "choices: [at-once, later]", f"choices: {M}[]"),
    Page("duplicate-choice", "同一选项写了两次。", "One choice stands there twice.", "choices: [at-once, later]", f"choices: [at-once, {M}at-once]"),
    Page("min-above-max", "最小值大于最大值:填什么都不合格。", "The least value is above the greatest: nothing would fit.", "{type: integer, min: 0, max: 100}", f"{{type: integer, min: {M}101, max: 100}}"),
    Page("not-a-list", "此处须用清单(kind: list):逐条销号、逐条立项都按行进行。", "A list is needed here (kind: list): lines are closed out and opened one by one.", "close-out: {list: measures, each-needs: [evidence]}", f"close-out: {{list: {M}finding, each-needs: [evidence]}}"),
    Page("delicate-unmarked", "字段涉及刑事处罚、信教、处分等个人敏感信息,须标明 delicate、personal: true、purpose、readers、keep-for;工作不需要的不收集。来源:S4,R028、R152、R221。", "The field holds delicate data about a person (criminal record, religion, discipline). Mark it: delicate, personal: true, purpose, readers, keep-for; leave it out if the work does not need it. Source: S4, R028, R152, R221.", "until: {type: date}}", f"until: {{type: date}}, {M}religion: {{type: boolean}}}}"),
    Page("delicate-incomplete", "敏感字段须写明用途、谁可查阅、保存多久,并标 personal: true。", "A delicate field says what it is for, which posts read it and how long it is kept, and is personal: true.", "{title: {zh: 是否受过刑事处罚, en: criminal record}, type: boolean, personal: true, delicate: criminal-record, purpose: {zh: 爆破作业资格审查, en: fitness for blasting work}, readers: office, keep-for: 2 years}", f"{{title: {{zh: 是否受过刑事处罚, en: criminal record}}, type: boolean, personal: true, {M}delicate: criminal-record, readers: office}}"),
    Page("keep-for-plain", "只有个人信息字段(personal: true)的值可以期满单独移除;其他字段的值写在材料正文里,随整份材料移除(材料的 keep-for)。", "Only the value of a personal field (personal: true) can be removed alone when its period is over; others stand in the document and go with it (keep-for of the material).", "until: {type: date}}", f"until: {{type: date, {M}keep-for: 2 years}}}}"),
    Page("personal-decides", "规则要依据该字段判断,因此不能标为个人信息:个人信息可以删除,删除后规则无从判断。", "Rules decide on the field, so it cannot be personal: personal data can be erased, and then nothing could be decided again.", "{total: {type: integer, min: 0, max: 100}", f"{{total: {{type: integer, min: 0, max: 100, personal: {M}true}}"),
    Page("personal-of-whom", "personal 须指同一材料中的人员字段(type: person),或写 true。", "personal names a field of type person beside it, or is true.", "until: {type: date}}", f"until: {{type: date, personal: {M}who}}}}"),
    Page("announced-parts", "名称宣布的项数与实列字段数不符(如“十项标准”只列九项)。", "The title announces another number of parts than there are fields.", "title: {zh: 验收评分表, en: scorecard", f"title: {{zh: {M}验收三项标准, en: scorecard"),
    Page("counter-field", "计次须每行写明人员、日期、主持人:缺一不可累计(R170)。", "What is counted names in every line a person, a day and who held it; without one of them nothing can be counted (R170).", "held-on: day,", f"held-on: {M}note,"),
    Page("counter-never-counts", "没有流转去向计入该项:累计永远为零。", "No way out puts anything on this counter: it would stay at zero for ever.", "{to: tracked, counts: talks}", "tracked", at=f"counters:\n  {M}talks:"),
    Page("not-a-period", "累计期间写 campaign(一次专项行动)、year(自然年)、always(不限)或时长(由当日回溯)。", "What a count accumulates within: campaign, year (of the calendar), always, or a span back from the day held.", "period: 12 months", f"period: {M}12 workdays"),
    Page("colour-falls", "同一督办阶梯的预警颜色由轻到重(蓝、黄、橙、红),不得由重转轻:督办只升不降(R174)。", "The colours of one ladder rise (blue, yellow, orange, red) and never fall: a ladder is not stepped down (R174).", "{before: 2 workdays, do: remind, to: responsible}\n    - {after: 0 workdays, do: remind,", f"{{before: 2 workdays, do: remind, to: responsible, colour: orange}}\n    - {{after: 0 workdays, colour: {M}yellow, do: remind,"),
    Page("quiet-hours", "免打扰时段的起止时刻相同:等于没有,或全天。", "The quiet hours begin and end at one time: that is none at all, or the whole day.", "ladder:\n", f"quiet: {M}{{from: \"22:00\", until: \"22:00\"}}\nladder:\n"),
    Page("due-offset", "after(之后)、ahead(提前)从某个日期推算:择一,与 node、field 或 set-by 同用(按小时的,自该日终了时起算);自进入阶段起算的写 within。", "after and ahead count from a date: one of them, beside node, field or set-by (hours from the moment that day ends). What runs from the stage's entry is within.", "due: {node: plan, or-within: 10 workdays}", f"due: {M}{{node: plan, after: 5 days, ahead: 2 days, or-within: 10 workdays}}"),
    Page("span-of-days", "此处从某日推算至某日,按天、工作日、周、月或年写,不能按小时。", "What is counted here leads from one day to another: days, workdays, weeks, months or years, never hours.", "extend: {by: plant, at-most: 5 workdays}", f"extend: {{by: plant, at-most: {M}5 hours}}"),
    Page("span-too-long", "时长超过一百年,应系笔误;没有日历能推算到那一天。", "A span of more than a hundred years is a slip of the pen; no calendar reaches its end.", "extend: {by: plant, at-most: 5 workdays}", f"extend: {{by: plant, at-most: {M}500 years}}"),
    Page("hours-have-no-day", "按小时的时限止于某一时刻,不涉及休息日顺延(reading)与当日截止时刻(at)。", "Hours end at a moment: there is no day off to read (reading), and no time at which a day ends (at).", "due: 3 months\n", f"due: {{within: 90 hours, {M}reading: next-workday}}\n"),
    Page("unused-post", "职务没有被用到:多为漏写签位,或可删去。", "Nothing uses the post: a place was forgotten, or it can go.", "  counter: {title", f"  {M}guard: {{title: {{zh: 门卫, en: guard}}}}\n  counter: {{title"),
    Page("unused-body", "会议机构没有被用到。", "Nothing uses the body.", "bodies:\n", f"bodies:\n  {M}council: {{zh: 委员会, en: council}}\n"),
    Page("unused-material", "材料没有被任何阶段要求。", "No stage asks for the material.", "materials: [finding, crew]", "materials: [finding]", at=f"  {M}crew:\n"),
    Page("unused-chain", "签字链没有被用到。", "Nothing uses the chain.", "chains:\n", f"chains:\n  {M}spare: [clerk, head]\n"),
    Page("unused-ladder", "督办阶梯没有被用到。", "Nothing uses the ladder.", "ladder:\n", f"ladder:\n  {M}spare: [{{after: 0 workdays, do: remind, to: responsible}}]\n"),
    Page("verdict-label", "标签含定性用语(如“软弱涣散”“落后”)。标签只说工作进到哪一步,不给任何人定性。来源:S0 「不对“软弱涣散”作定性」,R050。", "The label pronounces a verdict. It says where the work stands, and nothing about anybody. Source: S0 「不对“软弱涣散”作定性」, R050.", "label: {zh: 整改中", f"label: {{zh: {M}落后单位"),
)  # fmt: skip

CHAINS = (
    Page("empty-chain", "签字链没有任何签位:无人签字即告完成。", "The chain has no place for a signature: it would be done with nobody signing.", "  inner: [clerk, head]", f"  {M}inner: []"),
    Page("chain-not-rising", "签字链由上向下:逐级签字上报是由下而上。", "The chain runs downward; level by level, signatures climb.", "levels: {from: team, to: plant", f"levels: {{from: plant, to: {M}team"),
    Page("chain-nested", "逐级签字链之内只能是单级环节。", "Inside a level stand single places only, not a chain that climbs levels itself.", "to: plant, each: full,", f"to: plant, each: {M}upward,"),
    Page("ladder-without-within", "督办阶梯依时限而行:写了 ladder 却没有 within。", "A ladder follows a span: there is a ladder and no within.", "within: 2 workdays, ladder: overdue}", f"{M}ladder: overdue}}"),
    Page("duplicate-two-persons", "同一职务在一组中写了两次。同一职务的两个签位须为两人时写 [counter]。", "One post stands in a group twice. To have two persons in two places of one post write [counter].", "two-persons: [[counter]]", f"two-persons: [[counter, {M}counter]]"),
    Page("two-persons-idle", "该组职务在此链中没有两处签位,分离要求不起作用。", "The posts of this group have no two places in this chain: it keeps nobody apart.", "[office, head]]", f"[office, head], {M}[clerk, counter]]"),
    Page("seal-before-signature", "先盖章后签批:章已盖而内容尚未定。", "The seal stands before a signature: the paper would be sealed and not yet signed.", "minutes: required}, head, {seal: keeper}]", f"minutes: required}}, {{seal: keeper}}, {M}head]"),
    Page("prepared-after-signing", "签批之后才经办:签字人看不到所签内容。", "A paper is prepared after it was signed: the signer would not have seen it.", "  inner: [clerk, head]", f"  inner: [head, {M}clerk]"),
    Page("decision-without-minutes", "会议研究而不要求会议纪要:日后无从查证谁参加、如何决定。", "A meeting decides and leaves no minutes: nobody could show later who was there and what was decided.", "{decision: safety-meeting, recorded-by: office, minutes: required}, head, {seal", f"{M}{{decision: safety-meeting, recorded-by: office}}, head, {{seal"),
    Page("return-without-reason", "退回可不说明理由:下级不知改什么(R038)。", "A paper could be returned without a reason: nobody would know what to change (R038).", "return: {to: previous, needs: reason}", f"return: {{to: previous, needs: {M}[]}}"),
    Page("all-barred", "本阶段签批人全部须回避,无人可签。", "Everybody who signs here is barred: nobody could.", "not-by: [{head: workshop}]", f"{M}not-by: [{{office: plant}}, {{head: plant}}]"),
    Page("accepts-own-work", "由本单位给自己的整改评分,上级无人签批:裁判与运动员是同一人(R138)。", "The unit scores its own work and nobody above signs (R138).", "slots: [{office: plant}, {head: plant}]\n    not-by: [{head: workshop}]", f"slots: {M}[clerk, head]"),
    Page("level-left-out", "中间层级无人签批、负责或知情:逐级上报被越级。来源:S0 「逐级签字上报」,R036。", "Nobody at a level in between signs, answers or is told: it is passed over. Source: S0 「逐级签字上报」, R036.", "levels: [team, workshop, plant]", f"levels: [team, workshop, {M}district, plant]", R),
    Page("chain-and-slots", "本阶段已有签字链,另写的 slots 不起作用。", "The stage has a chain; its slots would be passed over.", "    chain: upward\n", f"    chain: upward\n    {M}slots: head\n"),
)  # fmt: skip

LADDERS = (
    Page("proposal-without-recipient", "建议须写明由谁决定(to)、针对谁(whom)。", "A proposal says who decides (to) and whom it concerns (whom).", "{after: 5 workdays, do: propose, item: admonitory-talk, to: {head: top}, whom: responsible}", f"{M}{{after: 5 workdays, do: propose, item: admonitory-talk, to: {{head: top}}}}"),
    Page("rung-without-recipient", "催办没有对象。", "A reminder reaches nobody.", "{before: 2 workdays, do: remind, to: responsible}", f"{{before: 2 workdays, do: remind, to: {M}[]}}"),
    Page("ladder-not-rising", "督办措施须由早到晚:先 before 由多到少,后 after 由少到多。", "Rungs come one after the other: before: descending, then after: ascending.", "{after: 0 workdays, do: remind, to: [responsible", f"{{before: {M}3 workdays, do: remind, to: [responsible"),
    Page("reminder-too-early", "催办早于时限开始:期限比提前量还短。", "The reminder would come before the due begins: the span is shorter than the notice.", "due: 5 workdays", f"due: {M}1 workdays"),
)  # fmt: skip

STAGES = (
    Page("no-stage", "流程没有阶段。", "The flow has no stage.", "stages:…", f"{M}stages: []\n", W),
    Page("duplicate-stage", "阶段代码重复。", "Two stages have one code.", "  - stage: zero-reported\n", f"  - stage: zero-reported\n    final: true\n  - stage: {M}zero-reported\n", W),
    Page("duty-not-stated", "未写明责任职务。默认为 secretary,而本流程无此职务。", "Nobody is said to answer for the stage. Unsaid it is secretary, and there is no such post.", "    duty: {office: workshop}\n", "", at=f"- stage: {M}watched"),
    Page("unreachable-stage", "没有任何去向通往此阶段。", "No way leads to the stage.", "serious: plan, watch: watched,", "serious: plan,", at=f"- stage: {M}watched"),
    Page("dead-end", "阶段没有去向,也不是终结阶段:事项将永远停在这里。", "The stage has no way out and is not final: an item would stay for ever.", "    exits: {worse: plan, sound: closed}\n", "", at=f"- stage: {M}watched"),
    Page("exit-to-itself-only", "全部去向都回到本阶段:出不去。", "Every way out leads back in: nothing ever leaves.", "exits: {worse: plan, sound: closed}", f"{M}exits: {{again: watched}}"),
    Page("no-end", "从此阶段走不到终结阶段。", "No way leads from here to an end.", "    exits: {worse: plan, sound: closed}\n", "    exits: {worse: again}\n  - stage: again\n    duty: head\n    due: 5 days\n    slots: head\n    exits: {back: watched}\n", at=f"- stage: {M}watched"),
    Page("no-final-stage", "没有终结阶段:什么都办不结。", "No stage is final: nothing would ever be finished.", "  - stage: closed\n    title: {zh: 办结, en: closed}\n    final: true\n", "  - stage: closed\n    duty: head\n    due: 5 days\n    slots: head\n    exits: {again: plan}\n", at=f"{M}stages:\n"),
    Page("final-with-exits", "终结阶段不应有去向。", "A final stage has no way out.", "    final: true\n", f"    final: true\n    {M}exits: {{again: plan}}\n"),
    Page("final-with-work", "终结阶段不再办理:写在这里的时限、签位、材料不起作用。", "Nothing is done in a final stage: a due, places or materials here are passed over.", "    final: true\n", f"    final: true\n    {M}due: 5 workdays\n"),
    Page("nobody-signs", "本阶段无人签批:谁签字谁负责,无人签即无人负责。", "Nobody signs in the stage: whoever signs answers, so nobody would.", "    slots: {office: workshop}\n", "", at=f"- stage: {M}watched"),
    Page("no-due", "阶段没有时限,可能无限期搁置。", "The stage has no due: it could lie for ever.", "    due: 3 months\n", "", at=f"- stage: {M}watched"),
    Page("names-too-long", "阶段与节点的代码合计过长(二者合为时限的键)。代码要短,名称写在 title 中。", "The codes of the stage and the node are too long together: the two make the key of a due. Codes are short; what people read stands in title.", "sound: closed}\n", f"sound: {'n' * 60}}}\n  - stage: {'n' * 60}\n    duty: head\n    due: {{node: rectify}}\n    also-due: [{{node: {M}update-the-list-of-measures, met-by: measures}}]\n    materials: measures\n    slots: head\n    exits: {{done: closed}}\n"),
    Page("due-shorter-than-chain", "时限短于签字链各级期限之和:照章办理也会逾期。", "The due is shorter than the spans of its chain together: whoever keeps every span is late.", "due: {within: 10 workdays, not-after", f"due: {M}{{within: 4 workdays, not-after"),
    Page("or-within-without-node", "or-within 用于节点已过的情形;此处没有节点。", "or-within stands in for a node that has passed; there is none here.", "due: 5 workdays", f"due: {{within: 5 workdays, {M}or-within: 3 days}}"),
    Page("pause-of-fixed-date", "固定日期只能延期,不能中止计时。", "A fixed date can be extended, never paused.", "due: {node: rectify, or-within: 30 days}", f"due: {{node: rectify, {M}pause: {{by: {{office: plant}}, starts: {{within: 3 workdays, duty: head}}}}}}"),
    Page("extends-own-due", "逾期者可给自己延期。延期应由上级批准。", "Whoever is late could give themselves more time; somebody above should.", "extend: {by: plant,", f"extend: {M}{{by: own,"),
    Page("acceptor-date-optional", "退回整改而不限期:不设期限的退回一律不收(R079)。", "A return without a date is refused (R079): the date cannot be optional.", "due: {set-by: acceptor}", f"due: {{set-by: acceptor, required: {M}false}}"),
    Page("first-of-no-grade", "限前几名须以综合评定的等次为据,而本流程没有评定等次的阶段。来源:S2 「优秀党支部档次中的前三名」,R094。", "The first so many are those of a grade; no stage of the flow gives one (assess). Source: S2 「优秀党支部档次中的前三名」, R094.", "exits: {good: posted, bad: rework}", f"exits: {{good: {{to: posted, {M}first: 3}}, bad: rework}}"),
    Page("check-without-date", "抽查查出问题退回,所到阶段须由查的人定新期限(set-by: acceptor):不设期限的退回一律不收。来源:S0 「督促限期整改到位」,R122。", "A check that finds something sends back with a new date: the stage it leads to takes its date from whoever checked (set-by: acceptor). Source: S0 「督促限期整改到位」, R122.", "    not-by: [{head: workshop}]", f"    not-by: [{{head: workshop}}]\n    checked: {{by: {{office: plant}}, back: {M}good}}"),
    Page("check-by-own-unit", "抽查须由上级单位进行:申报与核实分属两方,本单位自查不算核实(R114、R115)。", "A unit above checks: what is claimed and what is found come from two sides, and a unit's own look is no check (R114, R115).", "    not-by: [{head: workshop}]", f"    not-by: [{{head: workshop}}]\n    checked: {{by: {M}head, back: bad}}"),
    Page("burden-not-stated", "去向写了 burden(定期、已办、无结果、取消),而流程头部未写明是何种负担、多少为限。", "An exit says burden, and the head of the flow does not say of what kind and how much there may be.", "exits: {good: posted, bad: rework}", f"exits: {{good: {{to: posted, {M}burden: held}}, bad: rework}}"),
    Page("burden-field", "前往日期须写在一份材料的两个必填日期字段中(material、from、until 同写);索要材料则三者都不写。", "The days of a visit stand in two required dates of one material (material, from and until together); a request has none of them.", "overlays: {extra-steps: 1}", f"overlays: {{extra-steps: 1}}\n{M}burden: {{kind: visit, material: finding, at-most: 2, within: 7 days}}"),
    Page("burden-never-fixed", "没有任何去向写 burden: fixed:日期从未确定,撞车与过多都无从发现。来源:S0 「不集中到一个单位去」,R200、R201。", "No exit says burden: fixed, so that nothing is ever fixed and nothing held back. Source: S0 「不集中到一个单位去」, R200, R201.", "overlays: {extra-steps: 1}", f"overlays: {{extra-steps: 1}}\n{M}burden: {{kind: request, at-most: 2, within: 7 days}}"),
    Page("no-acceptor", "期限由验收人定,而此前无人签批:没有人来定。", "The date is set by an acceptor, and nobody signs before.", "due: {within: 10 workdays, not-after: plan, extend: {by: plant, at-most: 5 workdays}, pause: {by: {office: plant}, starts: {within: 3 workdays, duty: head}}}", f"due: {M}{{set-by: acceptor}}\n    at-most: {{times: 2, then: acceptance}}"),
    Page("rework-without-limit", "返工没有次数上限:同一问题可无限期整改。请写明至多几次、其后交谁办。", "Rework has no limit: one problem could go round for ever. Say how often, and who takes it then.", "    slots: head\n    at-most: {times: 2, then: acceptance}\n", "    slots: head\n", at=f"- stage: {M}rework"),
    Page("material-not-in-stage", "所用材料不在本阶段的材料之中。", "The stage uses a material that it does not ask for.", "    materials: votes\n", "    materials: finding\n", at=f"{{material: {M}votes"),
    Page("tally-exits", "计票阶段须有 passed、failed、no-quorum 三个去向。", "A tally needs the exits passed, failed and no-quorum.", "no-quorum: evaluation}", "noquorum: evaluation}", at=f"{M}tally: {{material"),
    Page("not-a-tally", "计票须用计票单(kind: tally)。", "A tally counts on a tally sheet (kind: tally).", "    kind: tally\n", "", at=f"{{material: {M}votes"),
    Page("tally-fields", "计票单须有 eligible、voted、aware、dissatisfied 四个字段;知情与满意是两项(R137)。", "A tally sheet has the fields eligible, voted, aware and dissatisfied; awareness and satisfaction are two measures (R137).", "aware: {type: integer}, dis", "awre: {type: integer}, dis", at=f"{{material: {M}votes"),
    Page("ballot", "由引擎计票的投票须有票箱清单、两名监票人;无记名投票还须为人数不足的单位另设去向(below)。", "A vote that the engine counts has a list as its box and two scrutineers; a secret one also has a way out (below) for units too small to hide a vote in.", 'dissatisfied: "<= 10%"}', f'dissatisfied: "<= 10%", ballot: {{box: {M}votes, issuer: {{office: workshop}}, mode: open, aware: {{aware: heard}}, dissatisfied: {{content: bad}}}}}}'),
    Page("unannounced-told", "不打招呼的检查(class: unannounced),实施前不得由受检单位负责或签字。", "An unannounced check (class: unannounced) gives the unit that is checked no part before it is carried out.", "class: watch\n    duty: {office: workshop}", f"class: unannounced\n    duty: {M}head"),
    Page("field-not-integer", "计数、计分字段须为整数。", "What is counted or scored is a whole number.", "field: total", f"field: {M}opinion"),
    Page("threshold", "此处的比较对象不对:投票比比例(\">= 80%\"),评分比分数(\">= 70\")。", 'The threshold is of the wrong kind: a vote is compared with a share (">= 80%"), a score with points (">= 70").', 'pass: ">= 70"', f'pass: {M}">= 70%"'),
    Page("threshold-out-of-reach", "分数线超出字段范围:谁也达不到。", "The field cannot reach the threshold: nobody could ever pass.", 'pass: ">= 70"', f'pass: {M}">= 700"'),
    Page("threshold-always-met", "分数线恒能达到:验收等于没验。", "The threshold is always met: the acceptance accepts everything.", 'pass: ">= 70"', f'pass: {M}">= 0"'),
    Page("assess-empty", "综合评定至少有一个评价方、一个等次:自评、群众测评、上级考评各为一方(R134)。", "An assessment puts judgements together into a grade: it needs one source and one grade at least (R134).", _SCORE, f"{M}assess: {{sources: {{}}, grades: {{}}, failed: bad}}"),
    Page("not-a-scorecard", "评价方须指明以什么计分:评分表(kind: scorecard),或某一整数字段(field),或比例(part、whole)。", "A source says what its judgement is: a scorecard, a field with whole numbers, or a part of a whole.", _SCORE, f"assess: {{sources: {{superior: {{material: {M}scorecard, weight: 100}}}}, grades: {{good: {{from: \">= 70\", exit: good}}}}, failed: bad}}"),
    Page("grades-not-falling", "等次由高到低依次判断:下一等次的下限须低于上一等次,否则永远取不到。", "Grades are tried in order, best first: each begins below the one above it, or it is never reached.", _SCORE, f"assess: {{sources: {{superior: {{material: scorecard, field: total, weight: 100}}}}, grades: {{good: {{from: \">= 70\", exit: good}}, fair: {{from: {M}\">= 80\", exit: good}}}}, failed: bad}}"),
    Page("scorecard-parts", "评分表(kind: scorecard)逐项列明分值(parts);没有评分项就不是评分表。", "A scorecard lists its parts with their points; what has no parts is no scorecard.", "    title: {zh: 作业人员情况, en: sheet of the crew}", "    kind: scorecard\n    title: {zh: 作业人员情况, en: sheet of the crew}", at=f"  {M}crew:"),
    Page("nothing-measured", "评分表没有一项要求佐证或写明评价方式:定性多、定量少,凭印象打分(R142)。", "No part of the scorecard asks for evidence or says how it is judged: points by impression (R142).", "    title: {zh: 作业人员情况, en: sheet of the crew}", "    kind: scorecard\n    parts: {order: {title: {zh: 秩序, en: order}, points: 10, evidence: false}}\n    title: {zh: 作业人员情况, en: sheet of the crew}", at=f"  {M}crew:"),
    Page("score-counts", "以问题、材料、照片数量计分:助长造痕迹、凑数量,一律不收。请评价实效。", "A score that counts findings, papers or photos is refused: it is answered with more papers. Judge what was done.", "{total: {type: integer, min: 0, max: 100}, opinion", "{total: {title: {zh: 照片数量, en: number of photos}, type: integer, min: 0, max: 100}, opinion", at=f"field: {M}total"),
    Page("empty-gate", "门槛没有写任何条件:永远敞开。", "The gate has no condition: it is always open.", "gate: {children: settled}", f"{M}gate: {{}}", R),
    Page("opens-nothing", "门槛等待由某清单立项的事项办结,而没有去向由该清单立项。", "The gate waits for what a list opened, and no exit opens anything from that list.", "gate: {children: settled}", f"gate: {{children: settled, opened: [{M}zero-statement]}}", R),
    Page("gate-on-itself", "事项以自身为前置:永远等待。", "The item would wait for itself, for ever.", "gate: {children: settled}", f"gate: {{children: settled, prior: {M}[{{flow: report, in: [reported]}}]}}", R),
    Page("gate-without-reports", "设有下级门槛,但没有规定下级应报。", "A gate waits for children's reports, and nothing says that they owe any.", "reports: {owed-by: [team, workshop], node: report}\n", "", R, at=f"{M}gate: {{"),
    Page("window-ends", "公示期须写明首尾两日均计入(both-ends: counted)。", "A window says that both its end days count.", "for: 5 workdays, both-ends: counted,", f"for: {M}5 workdays,"),
    Page("window-longer-than-due", "公示期长于本阶段时限:公示未满已逾期。", "The window is longer than the due of the stage: it would be late before it ends.", "for: 5 workdays, both-ends", f"for: {M}11 workdays, both-ends"),
    Page("notice-before-acceptance", "结果公示早于验收:还没有结果可公示。", "The result is posted before anything has one.", "sound: closed}", "sound: posted}", at=f"notice: {M}{{content: result"),
    Page("look-back-too-late", "“回头看”晚于跟踪期结束。", "The look-back comes after the end of tracking.", "[90 days, 180 days]", f"[90 days, {M}400 days]"),
    Page("look-backs-not-rising", "“回头看”须由早到晚排列。", "Look-backs stand from the earliest to the latest.", "[90 days, 180 days]", f"[180 days, {M}90 days]"),
)  # fmt: skip

OBLIGATIONS = (
    Page("obligation-day", "周期与日期不符:每周写星期,每月写 1 至 28 日或 last(更大的日数会漏月)。", "The day does not fit the cycle: a weekday for a week; last, or 1 to 28, for a month (a later one would skip months).", "on: monday,", f"on: {M}mondy,", W),
    Page("obligation-reading", "按日应报不得顺延,否则多份报告同日到期。", "What is owed every day moves to no other day: several would be due on one.", "every: week, on: monday, from: 2025-03-03, reading: next-workday", f"every: day, from: 2025-03-03, reading: {M}next-workday", W),
    Page("reading-not-stated", "日期可能逢节假日,须写明保持、顺延还是提前。", "The day may fall on a holiday; say whether it is kept, or moved on or back.", "every: week, on: monday, from: 2025-03-03, reading: next-workday,", f"every: {M}week, on: monday, from: 2025-03-03,", W),
    Page("obligation-ends-early", "止期早于起期。", "It ends before it begins.", "from: 2025-03-03,", f"from: 2025-03-03, until: {M}2025-03-02,", W),
    Page("obligation-twice", "同一层级同一周期被规定应报两次。", "One level would owe two reports of one flow for one period.", "obligations:\n", "obligations:\n  first: {owed-by: team, every: week, on: friday, from: 2025-03-03, reading: keep, ladder: overdue}\n", W, at=f"by-week: {{owed-by: team, every: {M}week"),
    Page("obligation-not-final", "报告离开首阶段即为报到,而此去向还要继续办理。", "A report is in when its first stage is left; this exit leads to more work.", "      reported: reported\n      zero: {to: zero-reported, needs: zero-statement}\n", f"      reported: {M}checking\n      zero: {{to: zero-reported, needs: zero-statement}}\n  - stage: checking\n    duty: head\n    due: 2 workdays\n    slots: head\n    exits: {{done: reported}}\n", W),
    Page("obligation-without-zero", "无事项可报的单位无从零报告:“没有”也要签字(R058)。", "Whoever has nothing to report cannot say so; nothing is a statement too, and is signed (R058).", "    zero: {exit: zero, list: matters, counts: {kind: [progress, problem]}}\n", "", W, at=f"- stage: {M}report\n"),
)  # fmt: skip

PAGES = (*NAMES, *PARTS, *CHAINS, *LADDERS, *STAGES, *OBLIGATIONS)
