"""Pages on the text of a file and on the shape of what it says."""

# ruff: noqa: E501  a table reads better with one page a block
from __future__ import annotations

from workflow.lint.pages.page import MARK as M
from workflow.lint.pages.page import Page

_SMALL = "flow: small\n"
PAGES = (
    # the text
    Page("file-too-large", "文件超过 1 MiB。流程文件是人写给人看的;请删去多余内容,或拆成几个流程。", "The file is over 1 MiB. A flow is written and read by people: remove what does not belong, or make several flows.", _SMALL, b"# " + b"x" * (1 << 20), ""),
    Page("wrong-encoding", "文件不是 UTF-8 编码。请在编辑器中“另存为 UTF-8”。", "The file is not UTF-8. Save it as UTF-8 in your editor.", "title: 流程\n", "title: 流程\n".encode("gb18030"), "", "title: " + M),
    Page("bom", "文件以字节序标记(BOM)开头,看不见,却会被当作第一个键的一部分。workflow fmt 可去除。", "The file starts with a byte order mark, which nobody sees and which would become a part of the first key. workflow fmt removes it.", "a: 1\n", f"{M}\ufeffa: 1\n", ""),
    Page("tab", "此处有制表符(Tab)。YAML 以空格缩进,制表符在各编辑器中宽度不同。", "A tab stands here. YAML indents with spaces; a tab is as wide as each editor likes.", "a:\n  b: 1\n", f"a:\n{M}\tb: 1\n", ""),
    Page("nul", "此处有空字符(NUL),多为文件损坏。", "A NUL character stands here; the file is probably damaged.", "a: 1\n", f"a{M}\0: 1\n", ""),
    Page("control-character", "此处有不可见字符(如零宽空格、反向书写符),看到的与读到的会不一致,因此一律不收。请删除后重新输入。", "An invisible character stands here (a zero-width space, a mark that turns text round). What is read would not be what is seen. Delete it and type anew.", "a: 1\n", f"a{M}\u200b: 1\n", ""),
    Page("empty-file", "文件没有内容,或只有注释。用 workflow init 可得到一个能运行的样例。", "The file holds nothing, or only comments. workflow init makes one that runs.", "a: 1\n", f"{M}# nothing\n", ""),
    Page("not-a-map", "流程文件的最外层由“键: 值”组成,而不是列表或一句话。", "A flow file is a map of keys and values, not a list and not a sentence.", "a: 1\n", f"{M}- a\n- b\n", ""),
    Page("several-documents", "一个文件只写一个流程;“---”之后的内容请另存。", "One file holds one flow; put what stands behind --- into a file of its own.", "a: 1\n", f"a: 1\n{M}---\nb: 2\n", ""),
    Page("directive", "以 % 开头的 YAML 指令在此不用。", "YAML directives (%) are not used here.", "a: 1\n", f"%YAML 1.1\n{M}---\na: 1\n", ""),
    Page("anchor", "不使用锚点与引用(&、*):读者应在原处看到内容,而且小文件可借此展开成极大的内容。", "Anchors and aliases (& and *) are not used: a reader should see what is said where it is said, and a small file could unfold into an enormous one.", "a: 1\nb: 1\n", f"a: {M}&x 1\nb: 1\n", ""),
    Page("tag", "不使用标签(!),流程文件只含文本、整数、是否、列表和“键: 值”。", "Tags (!) are not used: a flow holds texts, whole numbers, true and false, lists and maps.", "a: x\n", f"a: {M}!!str x\n", ""),
    Page("too-deep", "嵌套超过 24 层,没有流程需要这么深;多为括号遗漏。", "Nested more than 24 levels deep. No flow needs that; a bracket is probably missing.", "a: [1]\n", f"a: {'[' * 23}{M}{'[' * 3}1{']' * 26}\n", ""),
    Page("too-many-values", "文件内容超过 20,000 项。请拆成几个流程。", "The file holds more than 20,000 values. Make several flows of it.", "a: [1, 2]\n", f"a: [{'1, ' * 19_998}{M}1, 1]\n", ""),
    Page("scalar-too-long", "一段文本超过 20,000 字。长文应作为材料附在事项上,不写进流程。", "A text is longer than 20,000 characters. A long text is a material of an item, not a part of the flow.", "a: short\n", f"a: {M}{'x' * 20_001}\n", ""),
    Page("duplicate-key", "同一处同一个键写了两次(中英文名也算同一个键)。YAML 会悄悄只取其一,因此必须删去一个。", "A key stands twice in one place (its Chinese and its English name are one key). YAML would silently keep one of them; delete the other.", "a: 1\nb: 2\n", f"a: 1\n{M}a: 2\n", ""),
    Page("key-not-text", "键必须是文本;数字和 true/false 作键时请加引号。", "A key is a text; put numbers and true or false in quotes.", '"1": a\n', f"{M}1: a\n", ""),
    Page("fullwidth-punctuation", "引号之外出现全角标点(如中文输入法的冒号、逗号)。YAML 只认半角;正文中的全角标点请给整段文本加半角引号。", "A full-width mark (typed with a Chinese input method) stands outside quotes. YAML knows half-width ones only; if the mark belongs to a text, put the text in quotes.", "b: 2\na: 1\n", f"b: 2\na{M}： 1\n", ""),
    Page("float", "小数没有精确形式,签字内容的摘要不能依赖它。请写整数,或把文本(如版本号)加引号。", "A number with a decimal point has no exact form, and what is signed must have one. Write a whole number, or quote a text such as a version.", 'version: "1.5"\n', f"version: {M}1.5\n", ""),
    Page("number-form", "这种写法(如 010、0x1F)在不同工具中读作不同的数。文本请加引号。", "Such a number (010, 0x1F) is read differently by different tools. Put a text in quotes.", 'a: "010"\n', f"a: {M}010\n", ""),
    Page("no-value", "键后没有值。请填写,或删去该键;空文本写 \"\"。", 'The key has no value. Give one or delete the key; an empty text is "".', "a: 1\nb: 2\n", f"a: 1\n{M}b:\n", ""),
    Page("syntax", "此处无法读取:多为引号、括号未闭合,或缩进与上文不齐。", "This cannot be read: a quotation mark or bracket is not closed, or the indentation does not fit.", 'a: "x"\nb: 1\n', f'a: {M}"x\nb: 1\n', ""),
    # the shape
    Page("missing-key", "缺少必须写明的键。", "A key that must be there is missing.", "timezone: Asia/Shanghai\n", "", at=f"{M}flow: "),
    Page("unknown-key", "未知的键。多为笔误:提示中有最接近的写法。键不认识就拒收,以免规则写了却不生效。", "The key is not known, mostly for a slip of the pen; the nearest one is shown. It is refused because a rule that is written and passed over is worse than none.", "    also-due: [{node: update", f"    {M}also-du: [{{node: update"),
    Page("wrong-type", "值的种类不对,例如应为文本而写成数字。", "The value is of another kind than expected: a number where a text belongs, a text where a list belongs.", 'version: "1"', f"version: {M}1"),
    Page("wrong-value", "此处只能取几个规定的值之一。", "Only a few values are allowed here.", "keeper: {title: {zh: 印章管理人, en: keeper of the seal}, may: seal}", f"keeper: {{title: {{zh: 印章管理人, en: keeper of the seal}}, may: {M}seel}}"),
    Page("out-of-range", "数值超出允许范围。", "The number is outside of what is allowed.", "at-most: {times: 3, then", f"at-most: {{times: {M}0, then"),
    Page("not-a-code", "代码只含小写字母、数字和连字符,一经发布不再改动;给人看的名称写在 title 中。", "A code has small letters, digits and hyphens, and never changes once published; what people read stands in title.", "  fire: {zh", f"  {M}Fire: {{zh"),
    Page("not-a-date", "日期写作 2025-03-31。", "A date is written 2025-03-31.", "plan: 2025-03-31,", f"plan: {M}2025-02-30,"),
    Page("ambiguous-date", "“中旬前”“月底”各人读法不同;到期必须是一天。请写明日期,并在 reading 中说明如何读出。来源:S0 「11月中旬前」,R067。", "“Before mid-month” is read differently by everybody; a due is one day. Write the date, and say in reading how it was read. Source: S0 「11月中旬前」, R067.", "plan: 2025-03-31,", f"plan: {M}3月中旬前,"),
    Page("not-a-span", "时长写作:数字、空格、单位(workdays 工作日、days、hours、weeks、months、years)。", "A span is a number, a space and a unit: workdays, days, hours, weeks, months or years.", "due: 5 workdays", f"due: {M}five days"),
    Page("not-a-comparison", "比较式写作 \">= 80%\"、\"> 2/3\"、\">= 70\"。“以上”含本数用 >=,“超过”不含用 >。", 'A comparison is written ">= 80%", "> 2/3" or ">= 70". >= includes the number itself (以上), > does not (超过).', 'turnout: ">= 80%"', f'turnout: {M}"80"'),
    Page("not-a-share", "比例写作 \">= 2/3\" 或 \"> 50%\"。", 'A share is written ">= 2/3" or "> 50%".', "slots: [clerk, {decision: safety-meeting, recorded-by: office, minutes: required}, {head: workshop}]", f"slots: [clerk, {{together: [office, {{head: workshop}}], need: {M}most}}]"),
    Page("not-a-time", "时刻写作 \"17:00\"(24 小时制,加引号)。", 'A time of day is written "17:00", in quotes.', "due: {before: National Day}", f'due: {{before: National Day, at: {M}"25:00"}}'),
    Page("not-a-post", "此处应指明一个职务:secretary,或 {secretary: superior}。", "Exactly one post is named here: secretary, or {secretary: superior}.", "slots: {office: workshop}", f"slots: {M}{{office: workshop, head: workshop}}"),
    Page("no-recorder", "会议研究须写明由谁记录会议纪要(recorded-by):纪要要有人签字。", "A decision of a meeting names who records its minutes (recorded-by): somebody signs them.", "full: [clerk, office, {decision: safety-meeting, recorded-by: office, minutes", f"full: [clerk, office, {M}{{decision: safety-meeting, minutes"),
    Page("step-kind", "一个签位只能是一个职务、一组并行(together)或一组依次(in-turn)之一。", "A place is one of: a post, places side by side (together), places in turn (in-turn).", "  inner: [clerk, head]", f"  inner: [clerk, {M}{{together: [head], in-turn: [head]}}]"),
    Page("group-keys", "need、veto、turnout 只与 together 同写。", "need, veto and turnout stand beside together only.", "  inner: [clerk, head]", f"  inner: [clerk, {M}{{in-turn: [head], need: all}}]"),
    Page("source-measure", "评价方只能有一种依据:整张评分表,或一个字段,或一个比例(part 与 whole 须同写)。", "A judgement is measured in one way: a whole scorecard, a field, or a part of a whole (the two together).", 'score: {material: scorecard, field: total, pass: ">= 70", passed: good, failed: bad}', 'assess: {sources: {superior: ' + M + '{material: scorecard, part: total, weight: 100}}, grades: {good: {from: ">= 70", exit: good}}, failed: bad}'),
    Page("floor-measure", "底线须写明以什么为准:某一评价方(source),或某材料的某项(material 与 part)。", "A floor says what it is about: a source, or a part of a material.", 'score: {material: scorecard, field: total, pass: ">= 70", passed: good, failed: bad}', 'assess: {sources: {superior: {material: scorecard, field: total, weight: 100}}, floors: {least: ' + M + '{material: scorecard, holds: ">= 60"}}, grades: {good: {from: ">= 70", exit: good}}, failed: bad}'),
    Page("due-anchor", "一个时限只有一个依据:节点、时长、验收人定、字段中的日期、任职之日或节日前。", "A due counts from one thing: a node, a span, the acceptor's date, a date in a field, an appointment, or a holiday.", "due: {before: National Day}", f"due: {M}{{before: National Day, node: plan}}"),
    Page("rung-time", "每项督办写明 before(到期前)或 after(到期后)之一。", "A rung comes either before or after the due; say one of them.", "{before: 2 workdays, do: remind, to: responsible}", f"{M}{{do: remind, to: responsible}}"),
    Page("proposal-without-item", "建议要写明启动哪个流程(item):机器只提建议,人来决定,决定须留痕。", "A proposal names the flow that it opens (item): the machine only proposes, people decide, and the decision is on record.", "{after: 5 workdays, do: propose, item: admonitory-talk, to", f"{M}{{after: 5 workdays, do: propose, to"),
    Page("reminder-with-item", "催办(remind)不启动流程;要启动请写 do: propose。", "A reminder opens nothing; write do: propose to open an item.", "{before: 2 workdays, do: remind, to: responsible}", f"{M}{{before: 2 workdays, do: remind, item: admonitory-talk, to: responsible}}"),
    Page("quota", "不得对排查发现设比例、定指标、给名额:应整尽整,发现多少报多少。来源:S4 「不设比例、不定指标、应整尽整」,R049。", "No quota, ratio or target number is set for what is found: everything that should be rectified is. Source: S4 「按照不设比例、不定指标、应整尽整的原则」, R049.", "    class: watch\n", f"    class: watch\n    {M}quota: 10\n"),
)  # fmt: skip
