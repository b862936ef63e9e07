"""Spans for OpenTelemetry: one for each act and each sweep. A host that has no tracer configured pays next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workflow.errors import WorkflowError

if TYPE_CHECKING:
    from workflow.engine import Engine

NAME = "signoff.workflow"


@contextmanager
def traced(engine: Engine, provider: Any = None) -> Iterator[Engine]:
    """Within it, every act of an engine is a span: its kind, item and stage, or the code of its refusal.

    Never who acted, and never a word of what was said.

    Args:
        provider: a TracerProvider; the host's own when not given.
    """
    from opentelemetry import trace
    from opentelemetry.trace import Status, StatusCode

    tracer = trace.get_tracer(NAME, tracer_provider=provider)
    act = engine.act

    def spanned(one: Any, **more: Any) -> Any:
        with tracer.start_as_current_span(
            f"act {one.kind}", record_exception=False, set_status_on_exception=False
        ) as span:
            span.set_attribute("signoff.act", one.kind)
            span.set_attribute("signoff.item", one.item)
            try:
                receipt = act(one, **more)
            except WorkflowError as error:
                span.set_attribute("signoff.refusal", error.code)
                span.set_status(Status(StatusCode.ERROR, error.code))
                raise
            span.set_attribute("signoff.stage", receipt.stage)
            span.set_attribute("signoff.seq", receipt.seq)
            return receipt

    setattr(engine, "act", spanned)  # noqa: B010
    try:
        yield engine
    finally:
        delattr(engine, "act")
