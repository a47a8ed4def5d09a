"""Webhooks: what a request says, what Redis holds, what HTTP shows. Secrets are shown once, when they are made."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ENDPOINT_ID_PATTERN = r"^whe_[0-9A-HJKMNP-TV-Z]{26}$"
DELIVERY_ID_PATTERN = r"^msg_[0-9A-Za-z]{8,64}$"
EXAMPLE_ENDPOINT = "whe_01M831Q7C12DE6641ZPZXZST9S"
EXAMPLE_DELIVERY = "msg_01M831Q7C12DE6641ZPZXZST9S"
EXAMPLE_URL = "https://hooks.example.com/retarget"
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
SECRET_PREFIX = "whsec_"
JobEvent = Literal["job.running", "job.succeeded", "job.failed", "job.canceled", "job.expired"]
BatchEvent = Literal["batch.completed", "batch.canceled"]
Event = Literal[JobEvent, BatchEvent]
EVENTS: tuple[str, ...] = (*get_args(JobEvent), *get_args(BatchEvent))
ENDED: tuple[str, ...] = tuple(event for event in EVENTS if event != "job.running")
DeliveryStatus = Literal["pending", "delivered", "failed"]


def _is_secret(text: str) -> str:
    try:
        size = len(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not text.startswith(SECRET_PREFIX) or not 24 <= size <= 64:
        raise ValueError(f"must be {SECRET_PREFIX} and the base64 of 24 to 64 random bytes")
    return text


Secret = Annotated[str, AfterValidator(_is_secret)]
Url = Annotated[str, Field(max_length=2000, description="Where to post to: https.", examples=[EXAMPLE_URL])]


class HookRequest(BaseModel):
    """Who is told of one job or batch, with a secret of the caller's own."""

    model_config = ConfigDict(extra="forbid")
    url: Url
    events: list[Event] = Field(
        default_factory=list, description="Which of the events; none means that it has ended, however."
    )
    secret: Secret = Field(
        description="What the messages are signed with, never shown again.", examples=[EXAMPLE_SECRET]
    )


class HookView(BaseModel):
    """Who is told of it."""

    url: Url
    events: list[Event] = Field(description="Which of the events.")


class EndpointRequest(BaseModel):
    """An endpoint that is told of all jobs and batches of its owner."""

    model_config = ConfigDict(extra="forbid")
    url: Url
    events: list[Event] = Field(
        default_factory=list, description="Which events; none means all but `job.running`.", examples=[["job.failed"]]
    )
    description: str = Field("", max_length=500, description="A note of yours.")


class EndpointChange(BaseModel):
    """What is to be changed of an endpoint; the rest stays."""

    model_config = ConfigDict(extra="forbid")
    url: Url | None = None
    events: list[Event] | None = Field(None, description="Which events.", min_length=1)
    description: str | None = Field(None, max_length=500, description="A note of yours.")
    enabled: bool | None = Field(None, description="True sends again to an endpoint that was switched off.")


class RotateRequest(BaseModel):
    """A new secret; messages are signed with both until the old one ends."""

    model_config = ConfigDict(extra="forbid")
    overlap_s: float = Field(24 * 3600, ge=0, le=30 * 24 * 3600, description="How long the old secret still counts.")


class KeptSecret(BaseModel):
    """A secret and, once there is a newer one, its end."""

    secret: str
    expires_at: datetime | None = None


class EndpointRecord(BaseModel):
    """What Redis holds of an endpoint; `secrets` has the newest first."""

    id: Annotated[str, Field(pattern=ENDPOINT_ID_PATTERN)]
    owner: str = ""
    url: str
    events: list[str]
    description: str = ""
    secrets: list[KeptSecret]
    created_at: datetime
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    last_success_at: datetime | None = None


class EndpointView(BaseModel):
    """An endpoint."""

    id: str = Field(examples=[EXAMPLE_ENDPOINT])
    object: Literal["webhook-endpoint"] = "webhook-endpoint"
    url: Url
    events: list[Event] = Field(description="Which events it is told of.")
    description: str = Field(description="A note of its owner's.")
    secret: str | None = Field(None, description="Shown when it is made, and only then.", examples=[EXAMPLE_SECRET])
    created_at: datetime
    enabled: bool = Field(description="Whether it is sent to; `410` and days of failure switch it off.")
    disabled_reason: str | None = Field(None, description="Why it was switched off.")
    last_success_at: datetime | None = Field(None, description="When it last took a message.")
    urls: dict[str, str]


class EndpointPage(BaseModel):
    """Endpoints, newest first; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[EndpointView]
    next_cursor: str | None


class Attempt(BaseModel):
    """One try to deliver."""

    at: datetime = Field(description="When it was tried.")
    status_code: int | None = Field(None, description="What the receiver answered; null where it did not.")
    error: str | None = Field(None, description="Why it counts as failed; null where it does not.")
    took_s: float = Field(description="Seconds until the answer.")


class DeliveryRecord(BaseModel):
    """A message for one receiver. `of` is the endpoint, or the job or batch that named the receiver."""

    id: Annotated[str, Field(pattern=DELIVERY_ID_PATTERN)]
    owner: str = ""
    of: str
    event: str
    about: str  # id of the job or batch
    url: str  # where it goes, for a hook; an endpoint's own may change meanwhile
    secret: str = ""  # of a hook
    body: str
    status: DeliveryStatus = "pending"
    created_at: datetime
    next_at: datetime | None = None
    tries: int = 0  # since it was made or sent again
    attempts: list[Attempt] = Field(default_factory=list)


class DeliveryView(BaseModel):
    """A message, and every try to deliver it. Its id is the `webhook-id` that the receiver gets, each time the same."""

    id: str = Field(examples=[EXAMPLE_DELIVERY])
    object: Literal["webhook-delivery"] = "webhook-delivery"
    of: str = Field(
        description="The endpoint that it is for, or the job or batch that named the receiver.",
        examples=[EXAMPLE_ENDPOINT],
    )
    event: str = Field(description="What is told.", examples=["job.succeeded"])
    about: str = Field(description="The job or batch that it is about.")
    url: Url
    status: DeliveryStatus
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried next; null once it is delivered or given up.")
    attempts: list[Attempt] = Field(description="Every try, the first one first.")
    payload: dict[str, Any] = Field(description="The body that is sent.")


class DeliveryPage(BaseModel):
    """Messages, newest first; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[DeliveryView]
    next_cursor: str | None


def hook_view(kept: dict[str, Any] | None) -> HookView | None:
    """What is shown of the hook that a job or batch keeps: never its secret."""
    return None if kept is None else HookView(url=kept["url"], events=kept["events"])


def endpoint_url(endpoint_id: str) -> str:
    return f"/v1/webhook-endpoints/{endpoint_id}"


def endpoint_view(record: EndpointRecord, secret: str | None = None) -> EndpointView:
    """The view; with the secret where it was just made."""
    url = endpoint_url(record.id)
    return EndpointView(
        id=record.id,
        url=record.url,
        events=record.events,
        description=record.description,
        secret=secret,
        created_at=record.created_at,
        enabled=record.disabled_at is None,
        disabled_reason=record.disabled_reason,
        last_success_at=record.last_success_at,
        urls={
            "self": url,
            "rotate": f"{url}/rotate",
            "test": f"{url}/test",
            "deliveries": f"/v1/webhook-deliveries?of={record.id}",
        },
    )
