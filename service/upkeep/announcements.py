"""What webhooks are told of a job or a batch: the same as HTTP shows of it, read when the message is made.

Of a job that ended that is final; a message `job.running` may show a job that is further by then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from redis import Redis

from service.batches.store import BatchStore
from service.batches.views import batch_view
from service.jobs.store import JobStore
from service.jobs.views import job_view
from service.rounds import Rounds
from service.settings import Settings
from service.webhooks.outbox import Subject, empty_outbox
from service.webhooks.sending import Sender, dispatching
from service.webhooks.store import WebhookStore
from workers.contract.errors import NotFound

_LONG = ("input", "options", "scores_naive_copy")  # a message is to be small: the rest is at its address


def describer(redis: Redis) -> Callable[[str], Subject | None]:
    """Finds what an entry of the outbox is about; None for what is gone."""
    jobs, batches = JobStore(redis), BatchStore(redis)

    def describe(about: str) -> Subject | None:
        try:
            if about.startswith("bat_"):
                batch = batches.get(about)
                shown = batch_view(batch, batches.counts(about)).model_dump(mode="json")
                return Subject(batch.owner, batch.webhook, {**shown, "motions": [], "characters": []})
            job = jobs.get(about)
        except NotFound:
            return None
        data = {name: value for name, value in job_view(jobs, job).model_dump(mode="json").items() if name not in _LONG}
        return Subject(job.owner, job.webhook, data)

    return describe


def dispatcher(settings: Settings, redis: Redis) -> Rounds:
    """What sends the webhooks of a gateway."""
    store, describe = WebhookStore(redis), describer(redis)
    return dispatching(Sender(settings, store), lambda: empty_outbox(store, describe, datetime.now(UTC)))
