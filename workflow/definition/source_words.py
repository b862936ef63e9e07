"""What is wrong with a text, in words of the people who write flows."""

from __future__ import annotations

from workflow.definition.problem import Said

SAID = {
    "file-too-large": Said("the file is too large", "文件过大"),
    "wrong-encoding": Said("the file is not UTF-8", "文件不是 UTF-8 编码"),
    "bom": Said("the file starts with a byte order mark", "文件以字节序标记(BOM)开头"),
    "tab": Said("a tab stands here", "此处有制表符(Tab)"),
    "nul": Said("a NUL character stands here", "此处有空字符(NUL)"),
    "control-character": Said("an invisible or control character stands here", "此处有不可见字符或控制字符"),
    "empty-file": Said("the file holds no definition", "文件中没有流程定义"),
    "not-a-map": Said("a definition is a map of keys and values", "流程定义应由“键: 值”组成"),
    "several-documents": Said("a file holds one document", "一个文件只能有一个文档"),
    "directive": Said("directives (%) are not used in flow files", "流程文件不使用 % 指令"),
    "anchor": Said("anchors and aliases (& and *) are not used in flow files", "流程文件不使用锚点与引用(& 和 *)"),
    "tag": Said("tags (!) are not used in flow files", "流程文件不使用标签(!)"),
    "too-deep": Said("too deeply nested", "嵌套过深"),
    "too-many-values": Said("the file holds too many values", "文件内容过多"),
    "scalar-too-long": Said("a text is too long", "文本过长"),
    "duplicate-key": Said("the key stands here twice", "键重复"),
    "key-not-text": Said("a key must be text", "键必须是文本"),
    "fullwidth-punctuation": Said("full-width punctuation outside quotes", "引号之外出现全角标点"),
    "float": Said("a number with a decimal point has no exact form", "小数没有精确形式"),
    "number-form": Said("this number can be read in two ways", "此数字写法有歧义"),
    "no-value": Said("the key has no value", "键没有值"),
    "syntax": Said("this cannot be read", "此处无法读取"),
}

# What the parser says, as a pattern; what it means; what to do. First match wins.
SYNTAX: tuple[tuple[str, Said, Said], ...] = (
    (
        r"mapping values are not allowed",
        Said("a colon stands where no key can be", "此处不应出现冒号"),
        Said(
            "in this line or one above, a colon after a key needs a space behind it; put texts that contain a colon in"
            " quotes; check the indentation",
            "请看本行及上一行:键后的冒号须跟一个空格;含冒号的文本请加引号;并检查缩进",
        ),
    ),
    (
        r"could not find expected ':'",
        Said("a key without a colon", "键后缺少冒号"),
        Said("write key: value, with a colon and a space", "请写作 键: 值,冒号后空一格"),
    ),
    (
        r"expected ',' or ']'",
        Said("a list [ ... ] is not closed, or a comma is missing", "列表 [ ] 未闭合,或缺少逗号"),
        Said("separate entries with half-width commas and close with ]", "各项用半角逗号分隔,并以 ] 结束"),
    ),
    (
        r"expected ',' or '\}'",
        Said("a map { ... } is not closed, or a comma is missing", "花括号 { } 未闭合,或缺少逗号"),
        Said("separate entries with half-width commas and close with }", "各项用半角逗号分隔,并以 } 结束"),
    ),
    (
        r"expected <block end>, but found '[\]},]'",
        Said("a bracket or comma too many", "多余的括号或逗号"),
        Said("put texts that contain brackets or commas in quotes", "含括号或逗号的文本请加引号"),
    ),
    (
        r"expected <block end>, but found '<scalar>'",
        Said("something stands behind a value that is already complete", "值已结束,其后还有内容"),
        Said("put the whole text in quotes; check the indentation", "请给整段文本加引号;并检查缩进"),
    ),
    (
        r"expected <block end>, but found",
        Said("the indentation does not fit what stands above", "缩进与上文不符"),
        Said("align keys of one map, and dashes of one list, in one column", "同一组的键、同一列表的短横线须左对齐"),
    ),
    (
        r"(sequence entries|mapping keys) are not allowed",
        Said("a list entry or key cannot stand here", "此处不能写列表项或键"),
        Said("start it on a line of its own and check the indentation", "请另起一行并检查缩进"),
    ),
    (
        r"unexpected end of stream|unexpected document separator",
        Said("a quotation mark is not closed", "引号未闭合"),
        Said("close the text with the same mark it began with", "请用与开头相同的引号结束文本"),
    ),
    (
        r"unknown escape|escape sequence",
        Said("a backslash with an unknown letter behind it", "反斜杠后的字符无法识别"),
        Said("write \\\\ for a backslash, or use single quotes", "反斜杠请写作 \\\\,或改用单引号"),
    ),
    (
        r"cannot start any token",
        Said("a text cannot start with this character", "文本不能以此字符开头"),
        Said("put the text in quotes", "请给文本加引号"),
    ),
    (
        r"directive",
        Said("directives (%) are not used in flow files", "流程文件不使用 % 指令"),
        Said("delete the line, or put the text in quotes", "请删除该行,或给文本加引号"),
    ),
    (
        r"tag|URI",
        Said("tags (!) are not used in flow files", "流程文件不使用标签(!)"),
        Said("put the text in quotes", "请给文本加引号"),
    ),
    (
        r"alphabetic or numeric",
        Said("anchors and aliases (& and *) are not used in flow files", "流程文件不使用锚点与引用(& 和 *)"),
        Said("put the text in quotes", "请给文本加引号"),
    ),
    (
        r"document start|document end",
        Said("something stands outside the document", "文档之外还有内容"),
        Said("a file holds one document", "一个文件只能有一个文档"),
    ),
    (
        r"node content",
        Said("a value is missing here", "此处缺少值"),
        Said("check commas, brackets and dashes", "请检查逗号、括号和短横线"),
    ),
)
