"""GET /metrics: the operator's figures for Prometheus. No key is asked for; RETARGET_METRICS says if it answers."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.jobs.context import SharedJobs
from service.operations.metrics import metrics_text
from workers.contract.errors import NotFound, Unavailable

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(context: SharedJobs) -> Response:
    """Raises NotFound where they are not told."""
    if not context.settings.metrics_are_told:
        raise NotFound("/metrics is not served where keys are asked for; RETARGET_METRICS=on serves it to whoever asks")
    try:
        free = context.blobs.free_disk_ratio()
    except (Unavailable, OSError):  # readyz tells it
        free = None
    return Response(metrics_text(context.redis, free), media_type=CONTENT_TYPE_LATEST)
