"""Everything that can go wrong, one class per fact a host can act on.

Every error carries its facts as attributes and says, in English and Chinese, what was expected, what came and
what to do. ``str(error)`` is English; ``error.text("zh")`` is Chinese. All errors survive pickling, so they may
cross process boundaries.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

Language = Literal["en", "zh"]


class Said(str):
    """A sentence in both languages; as a string it is the English one. ``format(said, "zh")`` is the Chinese one."""

    zh: str

    def __new__(cls, en: str, zh: str | None = None) -> Said:
        said = super().__new__(cls, en)
        said.zh = en if zh is None else zh
        return said

    def __reduce__(self) -> tuple[type[Said], tuple[str, str]]:
        return Said, (str(self), self.zh)

    def __format__(self, spec: str) -> str:
        return self.zh if spec == "zh" else format(str(self), spec)

    def get(self, lang: Language) -> str:
        return self.zh if lang == "zh" else str(self)


def among(names: Iterable[str]) -> Said:
    """The hint of an ``Unknown`` that lists what is known."""
    listed = ", ".join(names) or "-"
    return Said(f"; known are {listed}", f";已知 {listed}")


def near(name: str, names: Iterable[str], otherwise: Said | None = None) -> Said:
    """The hint of an ``Unknown`` that names what was probably meant; where nothing is near, ``otherwise``, or what is
    known."""
    from difflib import get_close_matches  # only when something is misspelt

    known = list(names)
    found = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if found:
        return Said(f"; did you mean {found[0]}?", f";是否应为 {found[0]}?")
    return among(known) if otherwise is None else otherwise


_CHINESE = {
    errno.ENOENT: "没有此文件或目录",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EEXIST: "已存在",
    errno.ENOTEMPTY: "目录不是空的",
    errno.EISDIR: "这是目录",
    errno.ENOTDIR: "上级不是目录",
    errno.ENOSPC: "磁盘空间不足",
    errno.EDQUOT: "超过磁盘配额",
    errno.EROFS: "只读,不能写入",
    errno.ENAMETOOLONG: "名称过长",
    errno.ELOOP: "符号链接过多",
    errno.EFBIG: "文件过大",
    errno.EIO: "读写出错",
    errno.EMFILE: "打开的文件过多",
    errno.ENFILE: "打开的文件过多",
    errno.EADDRINUSE: "已被占用",
    errno.EADDRNOTAVAIL: "本机没有此地址",
    errno.ECONNREFUSED: "对方拒绝连接",
    errno.ETIMEDOUT: "超时",
}


def why_not(error: OSError) -> Said:
    """What the operating system said, in both languages; in Chinese its code stands beside what has no Chinese here."""
    said = error.strerror or str(error) or type(error).__name__
    code = errno.errorcode.get(error.errno or 0)
    return Said(said, _CHINESE.get(error.errno or 0) or (f"{code}:{said}" if code else said))


def _rebuild(cls: type[WorkflowError], facts: dict[str, Any]) -> WorkflowError:
    return cls(**facts)


class WorkflowError(Exception):
    """The base of all errors of this library.

    Subclasses name a stable ``code`` and two templates, ``en`` and ``zh``, over the facts they are built from.
    """

    code: ClassVar[str] = "error"
    en: ClassVar[str] = "{problem}"
    zh: ClassVar[str] = "{problem}"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__(self.text("en"))

    def text(self, lang: Language = "en") -> str:
        """The sentence for a person, in English or Chinese."""
        template = self.zh if lang == "zh" else self.en
        return template.format_map(_Shown(self.facts, lang))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.facts))


_WORDED = frozenset({"expected", "actual", "act", "how"})  # facts that rules put in words of their own


class _Shown(dict[str, Any]):
    """Facts as a sentence shows them: lists joined, absent facts as a dash, texts that know Chinese in Chinese."""

    def __init__(self, facts: dict[str, Any], lang: Language) -> None:
        super().__init__(facts)
        self._lang = lang

    def __missing__(self, key: str) -> str:
        return "-"

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, (list, tuple, set, frozenset)):
            return ", ".join(str(v) for v in value) or "-"
        if self._lang == "zh" and hasattr(value, "zh"):
            return value.zh
        if self._lang == "zh" and key in _WORDED and isinstance(value, str):
            from workflow.phrases import chinese  # only when somebody reads it in Chinese

            return chinese(value, act=key == "act")
        return value


# --- refusals: a rule said no -----------------------------------------------------------------------------------


class Refused(WorkflowError):
    """A rule refused an act. Nothing was written.

    Attributes:
        rule: the stable code of the rule, the same as ``code``.
        expected, actual: what the rule wanted and what came.
        place: where in the definition the rule stands (``flow@version: stages.plan.chain``), or ``-``.
    """

    code = "refused"
    expected: Any
    actual: Any
    place: str
    en = "refused by {rule} ({place}): expected {expected}; got {actual}"
    zh = "被规则 {rule} 拒绝({place}):应为 {expected};实为 {actual}"

    def __init__(self, **facts: Any) -> None:
        facts.setdefault("place", "-")
        facts["rule"] = type(self).code
        super().__init__(**facts)


class NotHolder(Refused):
    """The actor does not hold the post that must act."""

    code = "not-holder"
    en = (
        "{person} may not act as {post} of {unit} on {day} ({place}): the holder is {expected}; got {actual}. "
        "Act as a post that the person holds on that day, or register the tenure first"
    )
    zh = "{person} 在 {day} 不能以 {unit} {post} 的身份办理({place}):任职人为 {expected};实为 {actual}。请以当日所任职务办理,或先登记任期"


class NotAbove(Refused):
    """A change of the organisation by somebody who does not stand above what changes, or as a post that may not."""

    code = "not-above"
    en = (
        "{actual} may not {act} at {units}: allowed is {expected}. Let the head of a unit above do it; "
        "which posts may is said by the charter (workflow org charter)"
    )
    zh = "{actual} 无权对 {units} 办理 {act}:应由 {expected} 办理。请由上级单位负责人办理;可办理的职务见组织章程(workflow org charter)"


class NotPublisher(Refused):
    """A version of a flow that another unit published, replaced by somebody of a unit that is not above it."""

    code = "not-publisher"
    en = (
        "{actual} may not replace {flow}: it is published by {publisher}, and {expected} may replace it. "
        "Ask them, or publish under a flow name of your own"
    )
    zh = "{actual} 无权替换流程 {flow}:现行版本由 {publisher} 发布,应由{expected}替换。请商请其办理,或以本单位的流程名另行发布"


class OutOfTurn(Refused):
    """The slot is not open: somebody else must act first."""

    code = "out-of-turn"
    en = "this is not for {actual} to do now ({place}): expected {expected}. Every lower place signs first"
    zh = "现在不能由 {actual} 办理({place}):应为 {expected}。下级环节须先签批"


class Stale(Refused):
    """The content changed after it was shown, so the signature would cover something else."""

    code = "stale"
    en = "what was shown is no longer what is there ({place}): content is now {expected}, seen was {actual}. Show it again and sign anew"
    zh = "所见内容已变更({place}):现内容为 {expected},所见为 {actual}。请重新查看后再签批"


class SamePerson(Refused):
    """One person would sign where the definition says two."""

    code = "same-person"
    en = "{person} already signed {actual} ({place}): {expected} must be another person"
    zh = "{person} 已签 {actual}({place}):{expected} 须由他人签批"


class BallotRefused(Refused):
    """A vote is not opened, a paper not taken, a box not counted. Never says whose it was, nor what code was given."""

    code = "ballot-refused"
    en = "{act} is refused ({place}): expected {expected}; got {actual}"
    zh = "{act} 不予受理({place}):应为 {expected};实为 {actual}"


class NotApart(Refused):
    """Two signatures that the definition keeps apart come from one unit, or from units one above the other (职责分离)."""

    code = "not-apart"
    en = "{expected} must be kept apart from {actual}, which signed ({place}): they are of {how}"
    zh = "{expected} 须与已签的 {actual} 相互分离({place}):{how}"


class Avoidance(Refused):
    """The definition bars holders of this post from this step (回避)."""

    code = "avoidance"
    en = "{person} must stand aside ({place}): expected nobody who is {expected}; got {actual}"
    zh = "{person} 应当回避({place}):不得为 {expected};实为 {actual}"


class NotAssigned(Refused):
    """A member of a body acts only for the units that the body looks after on the day. Source: S0 「一级督一级」, R011."""

    code = "not-assigned"
    en = "{person} does not look after {unit} ({place}): expected {expected}; looks after {actual} on {day}"
    zh = "{person} 不联系 {unit}({place}):应为 {expected};{day} 联系 {actual}"


class WrongStage(Refused):
    """The act does not belong to the stage the item is in."""

    code = "wrong-stage"
    en = "{act} is not possible in stage {actual} ({place}): it belongs to {expected}"
    zh = "{actual} 阶段不能办理 {act}({place}):应在 {expected}"


class NoSuchExit(Refused):
    """The outcome is not an exit of the stage."""

    code = "no-such-exit"
    en = "{actual} is not a way out of this stage ({place}): expected one of {expected}"
    zh = "{actual} 不是本阶段的流转去向({place}):应为 {expected} 之一"


class ExitOpen(NoSuchExit):
    """The first signature leaves open which way out it means, so that nobody after it could say."""

    code = "exit-open"
    en = (
        "whoever signs first says which way out it is ({place}): expected one of {expected}; got {actual}. "
        "Everybody after signs over it, or returns it"
    )
    zh = "首位签批人须写明流转去向({place}):应为 {expected} 之一;实为 {actual}。其后各级在此基础上签批,不同意的退回"


class MaterialMissing(Refused):
    """A document or list that the stage demands has not been submitted."""

    code = "material-missing"
    en = "materials are lacking ({place}): expected {expected}; submitted {actual}. Submit them first"
    zh = "材料不全({place}):应有 {expected};已交 {actual}。请先补齐"


class BadMaterial(Refused):
    """A submitted value does not fit its field."""

    code = "bad-material"
    en = "{path} does not fit ({place}): expected {expected}; got {actual}"
    zh = "{path} 不符合要求({place}):应为 {expected};实为 {actual}"


class ReasonRequired(Refused):
    """A return, a refusal or an exemption without a written reason."""

    code = "reason-required"
    en = "{act} needs {expected} ({place}); got {actual}"
    zh = "{act} 须填写 {expected}({place});实为 {actual}"


class DateRequired(Refused):
    """A return for rework carries a new date, always."""

    code = "date-required"
    en = "{act} needs a date ({place}): expected {expected}; got {actual}"
    zh = "{act} 须注明期限({place}):应为 {expected};实为 {actual}"


class GateClosed(Refused):
    """Something outside the item must happen first."""

    code = "gate-closed"
    en = "{unit} cannot go on yet ({place}): expected {expected}; missing: {actual}"
    zh = "{unit} 尚不能往下办理({place}):应有 {expected};缺:{actual}"


class ZeroRefused(Refused):
    """A zero report beside findings, or findings left out where a zero statement is owed."""

    code = "zero-refused"
    en = "a zero report does not fit ({place}): expected {expected}; got {actual}"
    zh = "零报告不成立({place}):应为 {expected};实为 {actual}"


class LimitReached(Refused):
    """A bound of the definition is reached (times of rework, size of a value)."""

    code = "limit-reached"
    en = "limit reached ({place}): at most {expected}; got {actual}"
    zh = "超过上限({place}):最多 {expected};实为 {actual}"


class CannotMove(Refused):
    """An item cannot go on by another version of its flow without losing something that is signed or settled."""

    code = "cannot-move"
    en = "the item cannot move to that version ({place}): expected {expected}; got {actual}. It goes on by its own version"
    zh = "该事项不能迁移到该版本({place}):应为 {expected};实为 {actual}。仍按原版本办理"


class WindowOpen(Refused):
    """A notice has not run its full window, or objections are open."""

    code = "window-open"
    en = "the notice has not run its course ({place}): expected {expected}; now {actual}"
    zh = "公示未满({place}):应 {expected};现 {actual}"


class LinesOpen(Refused):
    """Lines of a list are not closed."""

    code = "lines-open"
    en = "lines are still open ({place}): expected {expected}; open: {actual}. Close each with its evidence first"
    zh = "清单尚有未销号条目({place}):应 {expected};未销:{actual}。请逐条销号"


class NotReached(Refused):
    """What was counted about a person was reversed meanwhile, so that what rested on the count holds no longer."""

    code = "not-reached"
    en = "{person} is not counted often enough any more ({place}): expected {expected}; got {actual}. Choose a way out that does not rest on the count"
    zh = "{person} 的累计次数已不足({place}):应为 {expected};实为 {actual}。请选择不以累计次数为依据的处理结果"


class BurdenHeld(Refused):
    """A visit or request is held back: the unit is visited on these days already, or was asked for too much. Source: S0
    「不集中到一个单位去」, R200, R201."""

    code = "burden-held"
    en = "{unit} has enough to bear ({place}): expected {expected}; there are {actual}. Choose other days, or join what is fixed"
    zh = "{unit} 负担已满({place}):应为 {expected};已有 {actual}。请另选日期,或并入已定事项"


class OneByOne(Refused):
    """The step is done item by item; several at once is refused. Source: S0 「逐个评估」, R134."""

    code = "one-by-one"
    en = "items are accepted one by one ({place}): expected {expected}; got {actual}"
    zh = "须逐个评估验收({place}):应为 {expected};实为 {actual}"


class WrongMeaning(Refused):
    """The signature does not mean what the slot asks for."""

    code = "wrong-meaning"
    en = "the slot asks for another act ({place}): expected {expected}; got {actual}"
    zh = "本环节须以其他方式办理({place}):应为 {expected};实为 {actual}"


class NotUnderstood(WorkflowError):
    """A question that is asked in another way than it could be answered: a target, a level's reports, a page."""

    code = "not-understood"
    en = "this cannot be read: expected {expected}; got {actual}"
    zh = "无法读懂此要求:应为 {expected};实为 {actual}"


class BadSignature(Refused):
    """A signature made by the person's own key does not verify over the prepared statement."""

    code = "bad-signature"
    en = "the signature does not verify ({place}): expected {expected}; got {actual}"
    zh = "签名验证不通过({place}):应为 {expected};实为 {actual}"


class ClockBehind(Refused):
    """The clock stands before the moment at which the stage was entered: nothing is signed before it is there."""

    code = "clock-behind"
    en = (
        "the clock stands before the stage {stage} of {item} was entered ({place}): expected a moment from {expected} on; "
        "got {actual}. Nothing was signed; set the clock of the database or of this machine right, and sign again"
    )
    zh = (
        "时钟早于事项 {item} 进入阶段 {stage} 的时间({place}):应不早于 {expected};实为 {actual}。未作签署;"
        "请校正数据库或本机的时钟后重新签署"
    )


class InPerson(Refused):
    """The step is the holder's own (亲自): no mandate, no acting holder and no superior takes it. Source: R044."""

    code = "in-person"
    en = "{person} may not take this step ({place}): it is to be done in person by {expected}; got {actual}"
    zh = "{person} 不能代为办理({place}):须由 {expected} 亲自办理;实为 {actual}"


class MandateRefused(Refused):
    """A mandate does not hold, here or at all (委托签批)."""

    code = "mandate-refused"
    en = "mandate {mandate} of {principal} to {person} does not hold ({place}): expected {expected}; got {actual}"
    zh = "{principal} 对 {person} 的委托 {mandate} 不成立({place}):应为 {expected};实为 {actual}"


class MandateExpired(MandateRefused):
    """The day is not within the mandate's dates."""

    code = "mandate-expired"
    en = "mandate {mandate} of {principal} to {person} is not in force ({place}): expected {expected}; got {actual}"
    zh = "{principal} 对 {person} 的委托 {mandate} 不在有效期内({place}):应为 {expected};实为 {actual}"


class MandateRevoked(MandateRefused):
    """It was taken back."""

    code = "mandate-revoked"
    en = "mandate {mandate} of {principal} to {person} is revoked ({place}): expected {expected}; got {actual}"
    zh = "{principal} 对 {person} 的委托 {mandate} 已撤销({place}):应为 {expected};实为 {actual}"


class MandateOutOfScope(MandateRefused):
    """It covers another flow, stage, kind of place or unit."""

    code = "mandate-out-of-scope"
    en = (
        "mandate {mandate} of {principal} to {person} does not cover this ({place}): it covers {expected}; got {actual}"
    )
    zh = "{principal} 对 {person} 的委托 {mandate} 不含此事项({place}):范围为 {expected};实为 {actual}"


class MandateBeyondTenure(MandateRefused):
    """Nobody gives away a post for longer than they hold it."""

    code = "mandate-beyond-tenure"
    en = "mandate {mandate} of {principal} to {person} goes beyond the tenure ({place}): expected {expected}; got {actual}"
    zh = "{principal} 对 {person} 的委托 {mandate} 超出任期({place}):应为 {expected};实为 {actual}"


class MandateCircular(MandateRefused):
    """It would come back to somebody it came from."""

    code = "mandate-circular"
    en = "mandate {mandate} of {principal} to {person} runs in a circle: expected {expected}; got {actual}"
    zh = "{principal} 对 {person} 的委托 {mandate} 形成循环:应为 {expected};实为 {actual}"


class NotHandedOn(MandateRefused):
    """A mandate is handed on only where it says so, and never wider than it is."""

    code = "not-handed-on"
    en = "mandate {mandate} of {principal} cannot be handed on to {person} so: expected {expected}; got {actual}"
    zh = "{principal} 的委托 {mandate} 不能如此转委托给 {person}:应为 {expected};实为 {actual}"


class AlreadySeen(Refused):
    """A signature cannot be taken back once others have acted on it or looked at it."""

    code = "already-seen"
    en = "it is too late to withdraw ({place}): expected {expected}; got {actual}. Ask for a return instead"
    zh = "已不能撤回({place}):应为 {expected};实为 {actual}。请改为申请退回"


# --- requests, races, unknown things ----------------------------------------------------------------------------


class Conflict(WorkflowError):
    """Another act on the same item won the race. Nothing was written; read again and decide anew."""

    code = "conflict"
    en = "{item} changed meanwhile: expected version {expected}; got {actual}. Read it again and decide anew"
    zh = "{item} 已被他人更新:应为第 {expected} 版;实为 {actual}。请重新读取后再办理"


class VersionTaken(Conflict):
    """A version that is published already. A published version never changes."""

    code = "version-taken"
    en = "{version} is published already, as {actual}; a published version never changes. Give this one ({expected}) a new version number"
    zh = "{version} 已发布(摘要 {actual}),已发布版本不得更改。请为本版({expected})另定版本号"


class NotUsable(WorkflowError):
    """A file or folder that was handed in is not what is needed, or something stands in its way. Nothing was changed."""

    code = "not-usable"
    en = "{item} cannot be used: expected {expected}; got {actual}. Nothing was changed"
    zh = "{item} 无法使用:应为 {expected};实为 {actual}。未作任何改动"


class RequestReused(WorkflowError):
    """The same request_id came with other arguments."""

    code = "request-reused"
    en = "request {request_id} was used for another act: expected digest {expected}; got {actual}. Use a new request_id"
    zh = "请求号 {request_id} 已用于其他办理:应为 {expected};实为 {actual}。请使用新的请求号"


class Unknown(WorkflowError):
    """Something was named that is not there."""

    code = "unknown"
    en = "no {kind} called {name!r}{hint}"
    zh = "没有名为 {name!r} 的 {kind}{hint}"

    def __init__(self, **facts: Any) -> None:
        facts.setdefault("hint", "")
        kind = facts.get("kind", "")
        facts["kind"] = kind if isinstance(kind, Said) else Said(kind, _KINDS.get(kind, kind))
        super().__init__(**facts)


# What can be named and not be there, for a Chinese sentence; what is missing here stands in English.
_KINDS = {
    "act": "办理事项",
    "actor": "办理人",
    "calendar": "日历",
    "campaign": "专项行动",
    "checkpoint": "检查点",
    "code": "代码",
    "database": "数据库",
    "database file": "数据库文件",
    "definition": "流程定义",
    "dialect": "数据库种类",
    "digest algorithm": "摘要算法",
    "epoch of the log": "日志分期",
    "festival": "节日",
    "flow": "流程",
    "folder": "目录",
    "folder for the engine's key": "密钥目录",
    "folder of contents": "内容目录",
    "hash of a log": "日志摘要算法",
    "heads entry": "链头记录",
    "item": "事项",
    "kind of parent": "隶属关系种类",
    "level": "层级",
    "item of the campaign": "专项行动中的事项",
    "item of the unit": "单位的事项",
    "log": "日志",
    "mandate": "委托",
    "node set": "节点方案",
    "obligation": "报送义务",
    "open item of another version": "其他版本的在办事项",
    "period": "报送期",
    "person": "人员",
    "post": "职务",
    "post that may take it over": "可以接办的职务",
    "reading": "节假日处理方式",
    "rule": "规则",
    "shipped calendar": "随附日历",
    "shipped flow": "随附流程",
    "stage": "环节",
    "successor of": "承接单位",
    "tenure": "任期",
    "unit": "单位",
    "unit of the level": "层级的单位",
    "node": "节点",
    "unit of time": "时间单位",
}


class TooLarge(WorkflowError):
    """A value is larger than the limit says."""

    code = "too-large"
    en = "{path} is too large: at most {expected}; got {actual}"
    zh = "{path} 过大:最多 {expected};实为 {actual}"


class NotCanonical(WorkflowError):
    """A value has no canonical bytes, so it can be neither hashed nor signed."""

    code = "not-canonical"
    en = "{path} cannot be recorded: expected {expected}; got {actual}"
    zh = "{path} 无法记录:应为 {expected};实为 {actual}"


class CalendarMissing(WorkflowError):
    """A date needs a calendar year that is not published. Dates are never guessed."""

    code = "calendar-missing"
    en = "calendar {calendar} has no year {year}: published are {expected}. Import that year before counting working days in it"
    zh = "日历 {calendar} 没有 {year} 年:已公布 {expected}。请先导入该年度再计算工作日"


class CalendarRefused(WorkflowError):
    """A calendar that would take back what is published under its name: dates would be guessed that were known."""

    code = "calendar-refused"
    en = "calendar {calendar} is not published: expected {expected}; got {actual}. Nothing was changed"
    zh = "日历 {calendar} 未予公布:应为 {expected};实为 {actual}。未作改动"


class DefinitionInvalid(WorkflowError):
    """A flow file does not hold. ``problems`` lists every fault with its place, in file order."""

    code = "definition-invalid"
    count: int
    file: str
    listing: str
    problems: list[Any]
    en = "{count} problem(s) in {file}:\n{listing}"
    zh = "{file} 有 {count} 处问题:\n{listing}"


class OrgInvalid(WorkflowError):
    """An organisation import does not hold. ``problems`` lists every fault with its row. Nothing was imported."""

    code = "org-invalid"
    en = "{count} problem(s) in {file}; nothing was imported:\n{listing}"
    zh = "{file} 有 {count} 处问题,未导入任何内容:\n{listing}"


class DatabaseNewer(WorkflowError):
    """The database was written by a newer version of this library."""

    code = "database-newer"
    en = "the database is at schema {actual}, newer than this library knows ({expected}). Upgrade signoff-workflow"
    zh = "数据库结构版本为 {actual},高于本程序所知的 {expected}。请升级 signoff-workflow"


class DatabaseOld(WorkflowError):
    """The database has no schema yet, or an older one."""

    code = "database-old"
    en = "the database is at schema {actual}; this library needs {expected}. Run: workflow db upgrade"
    zh = "数据库结构版本为 {actual};本程序需要 {expected}。请运行:workflow db upgrade"


class DatabaseUrl(WorkflowError):
    """What was given names no database that can be opened here."""

    code = "database-url"
    en = (
        "{given} names no database that can be opened: expected a SQLite file, sqlite:///FILE or postgresql://HOST/NAME; "
        "{problem}"
    )
    zh = "{given} 不是可以打开的数据库:应为 SQLite 文件、sqlite:///文件 或 postgresql://主机/库名;{problem}"


class ColumnType(WorkflowError):
    """A table holds a value of another type than its column; only somebody beside the engine puts it there."""

    code = "column-type"
    en = "{table} {key}: column {column} holds a value of type {actual}, put there from outside. Run: workflow verify"
    zh = "{table} {key}:列 {column} 的值类型为 {actual},系从外部改动。请运行:workflow verify"


class DatabaseBusy(WorkflowError):
    """Somebody else holds the database and did not let go in time. Nothing was written."""

    code = "database-busy"
    en = "the database is locked by another writer: waited {expected}; got {actual}. Try again with the same request_id"
    zh = "数据库被其他写入者锁定:已等待 {expected};{actual}。请用同一请求号重试"


class NotEmpty(WorkflowError):
    """A database that is to take in another one holds rows already. Nothing was written."""

    code = "not-empty"
    en = "this database is in use: expected {expected}; got {actual}. Name another one"
    zh = "该数据库已在使用:应为{expected};实为 {actual}。请另指定数据库"


class KeyUnavailable(WorkflowError):
    """A key cannot be used: absent, readable by others, or of another kind."""

    code = "key-unavailable"
    en = "key {name}: expected {expected}; got {actual}"
    zh = "密钥 {name}:应为 {expected};实为 {actual}"


class KeyEventRefused(WorkflowError):
    """A key is not registered, handed over or revoked like that. Nothing was written."""

    code = "key-event-refused"
    en = "this is not recorded of a key: expected {expected}; got {actual}"
    zh = "该密钥事项不予登记:应为 {expected};实为 {actual}"


class ContentMissing(WorkflowError):
    """The store has no bytes for a digest, or other bytes than the digest says."""

    code = "content-missing"
    en = "content {digest}: expected {expected}; got {actual}"
    zh = "内容 {digest}:应为 {expected};实为 {actual}"


class Unreadable(WorkflowError):
    """A SQLite file cannot be read in full where it lies."""

    code = "unreadable"
    en = "{path} cannot be read here in full: beside it lies {actual}. Copy both to a folder that can be written, and read it there"
    zh = "{path} 在此处无法完整读取:旁有 {actual}。请将两者一并复制到可写目录后再读取"


class BadPolicy(WorkflowError):
    """An auditor's policy cannot be used; nothing was checked with it."""

    code = "bad-policy"
    en = "{problem}. Nothing was checked"
    zh = "核验策略不可用:{problem}。未作任何核验"


class BadAuthority(WorkflowError):
    """What certificates or timestamps are to be checked against cannot be; nothing was opened or checked with it."""

    code = "bad-authority"
    en = "{place}: expected {expected}; got {actual}"
    zh = "{place}:应为 {expected};实为 {actual}"


class BadKept(WorkflowError):
    """A bundle or a receipt that somebody kept is none, or does not hold itself; nothing was held against it."""

    code = "bad-kept"
    en = (
        "{path}: expected a bundle that holds, or a receipt with item, seq and entry; got {actual}. Nothing was checked"
    )
    zh = "{path}:应为自身成立的证据包,或含 item、seq、entry 的回执;实为 {actual}。未作任何核验"


class BadOwnCheckpoint(WorkflowError):
    """What an auditor brought as their own checkpoint is not one of the log that their policy pins."""

    code = "bad-own-checkpoint"
    en = "your checkpoint: expected {expected}; got {actual}. Nothing was checked"
    zh = "自带的检查点:应为 {expected};实为 {actual}。未作任何核验"


# --- the log: it would rather not sign ----------------------------------------------------------------------------


class LogRefused(WorkflowError):
    """The log does not start, or does not sign. Nothing was signed.

    Attributes:
        expected, actual: what the lock outside the database says and what is there.
    """

    code = "log-refused"
    expected: Any
    actual: Any
    en = "the log does not sign: expected {expected}; got {actual}"
    zh = "日志拒绝签署:应为 {expected};实为 {actual}"


class ClockBackwards(LogRefused):
    """It is earlier than when the log last signed."""

    code = "clock-backwards"
    en = "the clock went backwards: the log last signed at {expected}; it is now {actual}. Set the clock right before anything is signed"
    zh = "时钟倒退:上次签署检查点的时间为 {expected};现在为 {actual}。请先校准时钟"


class LogBehindLock(LogRefused):
    """The database holds less of the log than was signed: a backup was restored, or entries were removed."""

    code = "log-behind-lock"
    en = (
        "the database is older than its lock: {expected} was signed; the database holds {actual}. Restore a newer one, or, "
        "if what is missing is lost for good, open a new epoch that says so: workflow log epochs --open --reason ..."
    )
    zh = "数据库旧于锁文件:已签署 {expected};库内为 {actual}。请恢复较新的备份;确已丢失的,请开启新纪元并说明原因:workflow log epochs --open --reason ..."


class LogRecreated(LogRefused):
    """There is an empty log where one was signed before."""

    code = "log-recreated"
    en = (
        "the log of {origin} exists: {expected} was signed; the database holds {actual}. An empty log is not begun under a known "
        "origin. Restore the database, or open a new epoch: workflow log epochs --open --reason ..."
    )
    zh = "{origin} 的日志已存在:已签署 {expected};库内为 {actual}。不得以已知名称重建空日志。请恢复数据库,或开启新纪元:workflow log epochs --open --reason ..."


class LogRewritten(LogRefused):
    """What was signed is not the beginning of what is there."""

    code = "log-rewritten"
    en = (
        "the log was rewritten: at size {size} the root {expected} was signed; the database leads to {actual}. "
        "Keep the database and the lock as they are for an inquiry"
    )
    zh = "日志被改写:大小 {size} 处已签署的根为 {expected};库内推得 {actual}。请保留数据库与锁文件原状备查"


class LogBroken(LogRefused):
    """A stored entry is not what the log holds at its place, or does not continue its chain."""

    code = "log-broken"
    en = "{place} does not fit the log: expected {expected}; got {actual}. Run: workflow verify"
    zh = "{place} 与日志不符:应为 {expected};实为 {actual}。请运行:workflow verify"


class UnknownOrigin(LogRefused):
    """The lock, or the database, belongs to the log of another name."""

    code = "unknown-origin"
    en = "this is another log: expected origin {expected}; got {actual}. Use the home folder and the database that belong together"
    zh = "并非同一日志:名称应为 {expected};实为 {actual}。请使用配套的目录与数据库"


class LockLost(LogRefused):
    """The log was signed before, and this home has no lock for it."""

    code = "lock-lost"
    en = (
        "no lock at {path}, and the log was begun before: expected {expected}; got {actual}. Run it where the lock is, "
        "or, if the lock is lost, open a new epoch: workflow log epochs --open --reason ..."
    )
    zh = "{path} 没有锁文件,而日志早已开始:应为 {expected};实为 {actual}。请在锁文件所在处运行;确已丢失的,请开启新纪元:workflow log epochs --open --reason ..."


class LockMoved(LogRefused):
    """Somebody else signed in between. Nothing was signed; try again."""

    code = "lock-moved"
    en = "the lock {path} was moved by another process: expected {expected}; got {actual}. Try again"
    zh = "锁文件 {path} 已被其他进程更新:应为 {expected};实为 {actual}。请重试"


class LockDamaged(LogRefused):
    """The lock file is there and cannot be read."""

    code = "lock-damaged"
    en = "the lock {path} cannot be read: expected {expected}; got {actual}. Restore it from a copy of its own, never from the database's backup"
    zh = "锁文件 {path} 无法读取:应为 {expected};实为 {actual}。请从其自身副本恢复,不得取自数据库备份"


class EpochHalfOpen(LogRefused):
    """The database has a later epoch than the lock: opening one was interrupted, or was not ours."""

    code = "epoch-half-open"
    en = (
        "the database is at epoch {actual}, the lock at {expected}. If you were opening it, finish: workflow log epochs --open --reason ...; "
        "if nobody was, the database is not yours"
    )
    zh = "数据库处于第 {actual} 纪元,锁文件处于第 {expected} 纪元。若系开启中断,请重新运行:workflow log epochs --open --reason ...;否则数据库已被他人改动"


class WitnessRefused(WorkflowError):
    """A witness did not cosign."""

    code = "witness-refused"
    en = "witness {witness} did not cosign: expected {expected}; got {actual}"
    zh = "见证方 {witness} 未联署:应为 {expected};实为 {actual}"
