"""Settings of the gateway and the workers: one typed class, filled from `RETARGET_*` environment variables.

Names carry their units. The first line a process prints is `masked()`: every setting, passwords hidden. What a
setting means to the engine is not here but in `workers.contract.options`, and what a file may hold in
`workers.formats.limits`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.contract.errors import InvalidOptions
from workers.formats.limits import DEFAULT_LIMITS

DAY_S = 24 * 3600
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/@\s]*):[^/@\s]*@")
_SECRET_QUERY = re.compile(r"(?i)([?&][a-z_]*(?:password|secret|token|key)=)[^&\s]+")


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/retarget`, or `~/.local/share/retarget`."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "retarget"


class Settings(BaseSettings):
    """All that can be configured. `Settings(port=0)` in code, `RETARGET_PORT=0` in the environment."""

    model_config = SettingsConfigDict(env_prefix="RETARGET_", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address the gateway listens on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8000, description="Port of the gateway; 0 takes a free one."
    )
    allowed_hosts: str = Field(
        default="",
        description="Names in Host headers, separated by commas, that are answered beside localhost and addresses "
        "where no keys are asked for; * answers to any.",
    )
    cors_origins: str = Field(
        default="", description="Origins of web pages, separated by commas, that may use the service from a browser."
    )
    keys: Literal["auto", "on", "off"] = Field(
        default="auto", description="Whether callers have to show a key; auto: unless only this machine can call."
    )
    metrics: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether /metrics tells the operator's figures to whoever reaches it; auto: unless keys are asked "
        "for.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Lines of the log: text, or JSON with request and job ids."
    )
    telemetry: Literal["off", "on"] = Field(
        default="off",
        description="Whether traces are sent as OpenTelemetry's variables (OTEL_*) say; takes the extra telemetry.",
    )
    writes_per_minute: Annotated[int, Field(gt=0)] = Field(
        default=600, description="Requests of one key in a minute that make or change something."
    )
    reads_per_minute: Annotated[int, Field(gt=0)] = Field(
        default=6000, description="Requests of one key in a minute that only read."
    )
    waiting_max_per_key: Annotated[int, Field(gt=0)] = Field(
        default=500, description="Waiting jobs of one key beyond this are refused."
    )
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", description="Redis that holds job records and queues.")
    data_dir: Path = Field(default_factory=default_data_dir, description="Folder of the default blob store and Redis.")
    blob_url: str = Field(
        default="", description="fsspec URL of the blob store; default: the folder blobs in data_dir."
    )

    upload_max_bytes: Annotated[int, Field(gt=0)] = Field(
        default=DEFAULT_LIMITS.file_bytes, description="All files of one request together."
    )
    upload_max_parts: Annotated[int, Field(gt=0)] = Field(
        default=DEFAULT_LIMITS.bundle_entries + 4, description="Parts of one multipart body, files and fields."
    )
    field_max_bytes: Annotated[int, Field(gt=0)] = Field(default=256 * 1024, description="One JSON part of a request.")
    file_name_max_chars: Annotated[int, Field(gt=7)] = Field(
        default=200, description="Length of an uploaded file's name."
    )
    upload_idle_s: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="A sender that is silent this long is given up."
    )
    upload_max_s: Annotated[float, Field(gt=0)] = Field(
        default=3600.0, description="Time that the body of one request may take in all."
    )
    upload_grace_s: Annotated[float, Field(gt=0)] = Field(
        default=20.0, description="After this long a sender has to keep the least rate."
    )
    upload_min_bytes_per_s: Annotated[int, Field(gt=0)] = Field(
        default=2000, description="Least rate of a request's body, on average; slower senders are cut."
    )
    uploads_max: Annotated[int, Field(gt=0)] = Field(
        default=64, description="Request bodies on their way in at once; more are refused for the moment."
    )
    header_timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=10.0, description="A client that has not sent all headers of its request by then is cut."
    )
    min_free_disk_ratio: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.05, description="Uploads are refused while less of the blob disk is free."
    )

    input_ttl_s: Annotated[int, Field(gt=0)] = Field(default=DAY_S, description="Uploads are kept this long.")
    output_ttl_s: Annotated[int, Field(gt=0)] = Field(default=7 * DAY_S, description="Results are kept this long.")
    asset_ttl_s: Annotated[int, Field(gt=0)] = Field(
        default=30 * DAY_S, description="Stored motions and characters are kept this long after their last use."
    )
    record_ttl_s: Annotated[int, Field(gt=0)] = Field(
        default=30 * DAY_S, description="Job records are kept this long, so that an expired result can say so."
    )

    queue_depth_max: Annotated[int, Field(gt=0)] = Field(
        default=1000, description="Waiting jobs beyond this are refused."
    )
    batch_items_max: Annotated[int, Field(gt=0)] = Field(default=10_000, description="Items of one batch.")
    batch_waiting_max: Annotated[int, Field(gt=0)] = Field(
        default=200, description="Jobs of one batch that wait at once; its other items follow as these are done."
    )
    batches_open_max: Annotated[int, Field(gt=0)] = Field(
        default=100, description="Batches of one key that have not ended; more are refused."
    )
    webhook_networks: str = Field(
        default="",
        description="Networks that are not public and may be told all the same, such as 127.0.0.0/8,10.0.0.0/8, "
        "separated by commas; plain http goes to these alone.",
    )
    webhook_timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=15.0, description="A receiver that has not answered by then is tried again later."
    )
    job_timeout_s: Annotated[int, Field(gt=0)] = Field(default=600, description="Hard time limit of one execution.")
    inspect_timeout_s: Annotated[int, Field(gt=0)] = Field(default=60, description="Hard time limit of one inspection.")
    lease_s: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="An execution that is silent this long is dead."
    )
    max_attempts: Annotated[int, Field(gt=0)] = Field(
        default=3, description="Executions of one job that may die before it fails."
    )
    patience_s: Annotated[float, Field(ge=0)] = Field(
        default=6 * 3600.0,
        description="A job that met a fault of ours which passes (full disk, store away) is tried again this long.",
    )
    inspect_wait_s: Annotated[float, Field(ge=0)] = Field(
        default=15.0, description="POST /v1/inspect waits this long for its answer."
    )
    result_cache: bool = Field(
        default=True,
        description="Whether a job takes the kept result of an earlier one with the same files and options.",
    )
    wait_max_s: Annotated[float, Field(ge=0)] = Field(default=60.0, description="Upper bound of ?wait= in seconds.")
    redis_timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=5.0, description="A Redis command slower than this fails."
    )

    @model_validator(mode="before")
    @classmethod
    def _blobs_beside_the_data(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values.get("blob_url"):
            data_dir = Path(values.get("data_dir") or default_data_dir()).expanduser().absolute()
            return {**values, "blob_url": f"file://{data_dir}/blobs"}
        return values

    @property
    def keys_are_asked_for(self) -> bool:
        """Off by default only where nobody but this machine can call."""
        if self.keys != "auto":
            return self.keys == "on"
        try:
            return not ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host.lower() != "localhost"

    @property
    def metrics_are_told(self) -> bool:
        """Whether GET /metrics answers."""
        return self.metrics == "on" or (self.metrics == "auto" and not self.keys_are_asked_for)

    @property
    def allowed_host_names(self) -> list[str]:
        return [name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip()]

    @property
    def cors_origin_list(self) -> list[str]:
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()]

    @classmethod
    def given(cls, **values: Any) -> Self:
        """From the environment, with what is given and not None on top. Raises InvalidOptions."""
        try:
            return cls(**{name: value for name, value in values.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise InvalidOptions(f"setting {name}: {first['msg']}; set RETARGET_{name.upper()} or its flag") from None

    def masked(self) -> dict[str, str]:
        """Every setting as text for a log line, passwords in URLs hidden."""
        return {name: mask_secrets(str(value)) for name, value in self.model_dump().items()}


def mask_secrets(text: str) -> str:
    """`text` with the passwords of URLs in it replaced by `***`."""
    return _SECRET_QUERY.sub(r"\1***", _PASSWORD_IN_URL.sub(r"\1:***@", text))
