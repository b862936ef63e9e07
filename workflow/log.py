"""One structured event for each act, and never a word of what people wrote.

The library does not configure logging: events go through the standard logger ``workflow``, silent unless the host
listens. Keys are ids and names only; opinions, ballots, salts and keys never appear.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow.acts import Act
    from workflow.case import Case

_stdlib = logging.getLogger("workflow")
_stdlib.addHandler(logging.NullHandler())


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Hand the event to the standard logger with its keys prefixed, so that none collides with a record's own."""
    name = event.pop("event")
    return (name,), {"extra": {f"wf_{k}": v for k, v in event.items()}}


class _Logger:
    """The structured logger, made when it first has something to say: structlog takes longer to import than most acts."""

    def __getattr__(self, name: str) -> Any:
        import structlog

        made = structlog.wrap_logger(_stdlib, processors=[structlog.stdlib.filter_by_level, _render])
        self.__dict__.update({level: getattr(made, level) for level in ("debug", "info", "warning", "error")})
        return getattr(made, name)


logger: Any = _Logger()

_PAST = {
    "open": "item.opened",
    "submit": "item.submitted",
    "report-zero": "item.zero_reported",
    "record-tally": "item.tally_recorded",
    "open-ballot": "item.ballot_opened",
    "sign": "item.signed",
    "decide": "item.decided",
    "accept": "item.accepted",
    "close-out": "item.closed_out",
    "look-back": "item.looked_back",
    "return": "item.returned",
    "reopen": "item.reopened",
    "close-line": "item.line_closed",
    "name-lead": "item.lead_named",
    "post-notice": "item.notice_posted",
    "objection": "item.objected",
    "migrate": "item.migrated",
    "adopt-nodes": "item.nodes_adopted",
    "fire": "item.rung_fired",
    "exempt": "item.exempted",
    "supplement": "item.supplemented",
    "contradict": "item.contradicted",
    "reverse": "item.reversed",
    "record-check": "item.checked",
}


def acted(act: Act, case: Case, seq: int) -> None:
    """An act was written (not yet committed, on a host's transaction)."""
    if _stdlib.isEnabledFor(logging.INFO):
        logger.info(
            _PAST.get(act.kind, act.kind), item=case.item, seq=seq, stage=case.stage, round=case.round, flow=case.flow
        )


def listening() -> bool:
    """Whether anybody hears of what went as it should."""
    return _stdlib.isEnabledFor(logging.INFO)


def rung(item: str, effects: list[dict[str, Any]]) -> None:
    """A rung of a ladder fired."""
    for effect in effects:
        if effect["e"] in ("reminded", "proposed"):
            name = f"rung.{effect['e']}"
            logger.info(name, item=item, rule=effect["rule"], step=effect["step"])


def not_heard(event: str, item: str, seq: int, error: Exception) -> None:
    """A subscriber failed; the act stands, and the other subscribers were told."""
    logger.error("event.not_heard", event_type=event, item=item, seq=seq, error=type(error).__name__)


def not_told(error: Exception) -> None:
    """Whether a host's transaction holds what was done in it could not be asked; its subscribers heard nothing."""
    logger.error("event.not_told", error=type(error).__name__)


def parked(item: str, rule: str, step: int, attempts: int) -> None:
    """A rung could not fire and waits for another try."""
    logger.warning("rung.parked", item=item, rule=rule, step=step, attempts=attempts)


def roll_call_failed(flow: str, rule: str, period: str, error: Exception) -> None:
    """A roll call could not be held; it is tried again at every sweep, and all others are held."""
    logger.warning("roll_call.failed", flow=flow, rule=rule, period=period, error=type(error).__name__)


def retried(item: str, rule: str, step: int) -> None:
    """Somebody has looked at a parked rung; it is tried again."""
    logger.info("rung.retried", item=item, rule=rule, step=step)


def not_counted_again(item: str, code: str) -> None:
    """A calendar was published, and the dates of an item could not be counted again by it; those of the others were."""
    logger.warning("due.not_counted_again", item=item, code=code)


def clock_skewed(node: str, by: int) -> None:
    """A node's own clock is far from the database's, by which everything is counted; ``by`` in microseconds."""
    logger.warning("clock.skewed", node=node, by_us=by)


def kept_too_long(items: int, documents: int, values: int) -> None:
    """So much is kept longer than its flow says; it goes when somebody says so: ``workflow contents retire``."""
    logger.warning("contents.kept_too_long", items=items, documents=documents, values=values)


def tick_failed(node: str, code: str) -> None:
    """A sweep failed as a whole; the next one comes by itself."""
    logger.error("tick.failed", node=node, code=code)


def witness_failed(name: str, code: str) -> None:
    """A witness could not answer; nothing was cosigned."""
    logger.error("witness.failed", witness=name, code=code)


def delivered(notice: str, messages: int) -> None:
    """A notice was handed over."""
    logger.info("notice.delivered", notice=notice, messages=messages)


def withheld(notice: str, messages: int, why: str) -> None:
    """So many messages of a notice were not handed over, because the channel must not carry them."""
    logger.warning("notice.withheld", notice=notice, messages=messages, why=why)


def not_delivered(notice: str, attempt: int, error: str) -> None:
    """A notice could not be handed over and waits for another try."""
    logger.warning("notice.not_delivered", notice=notice, attempt=attempt, error=error)
