"""What a worker has to say while it works: the library's warnings, one a line, on the error output."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflow.errors import Language

# What each event of ``workflow.log`` means; one that is not here is shown by its name.
WORDS = {
    "rung.parked": (
        "a rung could not fire; it is tried again: workflow health",
        "措施未能触发,将再试;详见 workflow health",
    ),
    "roll_call.failed": (
        "who has not reported could not be found out; it is tried again: workflow health",
        "应报未报未能核对,将再试;详见 workflow health",
    ),
    "due.not_counted_again": (
        "its dates could not be counted by the new calendar; those of the others were",
        "其时限未能按新日历重新推算,其他事项不受影响",
    ),
    "clock.skewed": (
        "this machine's clock is not the database's, by which everything counts",
        "本机时钟与数据库时钟不一致,一切以数据库为准",
    ),
    "contents.kept_too_long": (
        "kept longer than the flow says: workflow contents due",
        "有内容超过流程规定的保存期:workflow contents due",
    ),
    "tick.failed": ("the sweep failed as a whole; the next one comes by itself", "本次巡查失败,下次照常进行"),
    "witness.failed": (
        "nothing was cosigned; look at the folder of --home",
        "未予联署,请查看 --home 所指目录",
    ),
    "notice.not_delivered": ("a notice could not be handed over; it is tried again", "通知未送达,将再试"),
    "notice.withheld": (
        "this channel must not carry it; its reader finds it inside",
        "此渠道不得传送,请收件人登录查看",
    ),
    "event.not_heard": ("a subscriber failed; what was done stands", "订阅者出错;已办事项有效"),
    "event.not_told": (
        "whether the host's transaction was committed could not be asked; subscribers heard nothing",
        "无法得知宿主事务是否提交,订阅者未获通知",
    ),
}


class _Lines(logging.Formatter):
    """``2026-11-23T14:00:00Z warning rung.parked item=m1 rule=plan: what it means``."""

    def __init__(self, lang: Language) -> None:
        super().__init__()
        self._zh = lang == "zh"

    def format(self, record: logging.LogRecord) -> str:
        from workflow.clock import moment

        name = record.getMessage()
        facts = [f"{k.removeprefix('wf_')}={v}" for k, v in vars(record).items() if k.startswith("wf_")]
        when = f"{moment(int(record.created * 1_000_000)):%Y-%m-%dT%H:%M:%SZ}"
        said = " ".join([when, record.levelname.lower(), name, *facts])
        if name not in WORDS:
            return said
        return f"{said}:{WORDS[name][1]}" if self._zh else f"{said}: {WORDS[name][0]}"


@contextmanager
def warned(lang: Language) -> Iterator[None]:
    """While this lasts, warnings and errors of the library and of its scheduler are printed."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Lines(lang))
    heard = [logging.getLogger(name) for name in ("workflow", "apscheduler")]
    for logger in heard:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in heard:
            logger.removeHandler(handler)
