"""Celery on RabbitMQ behind the verb ``hint``: many machines look at once, and the queue may be erased at any time.

A message says "look now" and nothing else. What is due, what was claimed, what was sent and what was fired stand in the
database; a message that is lost, doubled, late or redelivered after a worker died changes nothing but the moment at which
somebody looks. ``workflow worker`` or ``workflow tick`` must run somewhere beside it: they look without being told.

    app = sign_off_app("amqp://host//")
    answer(app, engine, send)          # in the workers
    hint = CeleryHint(app)             # in the host: hint("sweep") after its commit

Bulk work is spread the same way: ``answer(app, engine, more={"open": open_part})`` in the workers, ``hint("open", part)`` for each
part in the host, and again for what is still missing; ``open_part(part, ref)`` calls ``engine.open_many``, which opens nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workflow import log
from workflow.hint import Look, looks

if TYPE_CHECKING:
    from celery import Celery

    from workflow.delivery import Policy, Send
    from workflow.engine import Engine

QUEUE, TASK = "signoff", "signoff.look"
STALE = 60  # seconds after which a hint says nothing that the next sweep does not know
CONFIRMED = 5  # seconds that the broker has to say that it holds a message
TRIES = 5  # deliveries of one message before the broker drops it: a hint that kills its worker is not given to all


def sign_off_app(broker: str, **settings: Any) -> Celery:
    """A Celery application with one quorum queue, set so that hints may be lost but never pile up.

    Args:
        broker: the URL of RabbitMQ 3.10 or newer.
        settings: of Celery, over ours.
    """
    import kombu
    from celery import Celery

    app = Celery("signoff", broker=broker)
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": TRIES, "x-message-ttl": STALE * 1000}
    made: Any = kombu
    queue = made.Queue(QUEUE, made.Exchange(QUEUE, type="direct"), QUEUE, durable=True, queue_arguments=arguments)
    app.conf.update(
        task_queues=[queue],
        task_default_queue=QUEUE,
        task_default_exchange=QUEUE,
        task_default_routing_key=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,  # its reply queues are none of our business
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"confirm_publish": True},  # what the broker did not take is told, not believed sent
        task_serializer="json",
        accept_content=["json"],
    )
    app.conf.update(settings)
    return app


def answer(
    app: Celery,
    engine: Engine,
    send: Send | None = None,
    policy: Policy | None = None,
    more: Mapping[str, Look] | None = None,
) -> Any:
    """What workers of this application do on a hint: look for themselves. Gives the task.

    Args:
        more: the host's own kinds of hints, by which bulk work is spread over machines, a message for each part.
    """
    known = looks(engine, send, policy, more)

    def look(kind: str, part: int = 0, ref: str = "") -> None:
        if kind in known:
            known[kind](part, ref)

    return app.task(look, name=TASK, ignore_result=True)


class CeleryHint:
    """``hint("sweep", part, ref)``: puts a message in the queue, or does nothing where there is no broker just now.

    Never raises and never waits for the looking; it waits for the broker to confirm the message, some seconds at most. Call
    it after the commit.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

    def __call__(self, kind: str, part: int = 0, ref: str = "") -> None:
        try:
            how = {"queue": QUEUE, "expires": STALE, "retry": False, "confirm_timeout": CONFIRMED}
            self._app.send_task(TASK, (kind, part, ref), ignore_result=True, **how)
        except Exception as error:  # noqa: BLE001  whatever a broker that is away raises: the next sweep comes by itself
            log.tick_failed("hint", type(error).__name__)
