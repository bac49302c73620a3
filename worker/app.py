"""The Celery application: how wake-ups travel. Losing all of them loses nothing."""

from celery import Celery

from core.settings import Settings

PLAN = "plan"
DISPATCH = "dispatch"
TICK = "tick"
GATHER = "gather"
ADVANCE = "advance"

TICK_S = 1.0

STALE_S = 15.0
"""A wake-up nobody took by then is dropped: `tick` sends another."""

VISIBILITY_S = 3600
"""Redis gives a message out again after this long unacknowledged; slices end far sooner."""


def create_celery(settings: Settings) -> Celery:
    """Return the Celery application of a process."""
    embedded = settings.broker_url is None
    transport = {} if embedded else {"visibility_timeout": VISIBILITY_S}
    app = Celery("gerbench", broker=settings.broker, set_as_current=False)
    app.conf.update(
        # A wake-up that is lost with its worker comes again with the next tick. One that waits
        # to be acknowledged when Redis goes away ends Celery's consumer for good: kombu fails as
        # it gives it back.
        task_acks_late=False,
        broker_connection_max_retries=None,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_default_queue="gerbench",
        broker_transport="worker.broker:Transport" if embedded else None,
        # Nobody outside of this process could reach it.
        worker_enable_remote_control=not embedded,
        broker_transport_options=transport,
        # Four messages about each of ours, so only for those who look.
        worker_send_task_events=settings.celery_events,
        task_send_sent_event=settings.celery_events,
        result_backend_transport_options=transport,
        visibility_timeout=VISIBILITY_S,
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        beat_schedule={
            TICK: {"task": TICK, "schedule": TICK_S, "options": {"expires": STALE_S}},
        },
    )
    return app
