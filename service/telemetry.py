"""OpenTelemetry traces, where they are asked for (`RETARGET_TELEMETRY=on` and the extra `telemetry`).

A trace begins with the request, or with the caller's own `traceparent`, goes with the job's record to the worker, and
ends with the execution's last stage. Where it is sent and how it is sampled, OpenTelemetry's own variables say
(`OTEL_EXPORTER_OTLP_ENDPOINT`, ...). Off, nothing of it is imported and `span` costs a comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workers.contract.errors import InvalidOptions

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

SEND_EVERY_MS = 1000  # a job process may be ended soon after its job
_tracer: Any = None


def set_up_telemetry(process: str, telemetry: str, sent_to: SpanProcessor | None = None) -> None:
    """Once, at the start of a process. `sent_to` in place of the OTLP exporter.

    Raises InvalidOptions where the packages are missing.
    """
    global _tracer
    _tracer = None
    if telemetry == "off":
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError as error:
        raise _missing(error) from None
    provider = TracerProvider(resource=Resource.create({"service.name": f"retarget-{process}"}))
    provider.add_span_processor(sent_to or _exporting())
    _tracer = provider.get_tracer("retarget")


def _exporting() -> SpanProcessor:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise _missing(error) from None
    return BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=SEND_EVERY_MS)


def _missing(error: ImportError) -> InvalidOptions:
    return InvalidOptions(f"RETARGET_TELEMETRY=on needs the extra 'telemetry' ({error}); install it, or set it off")


@contextmanager
def span(name: str, parent: str | None = None, **attributes: str | int) -> Iterator[None]:
    """A span over what happens inside, below `parent` (a W3C traceparent) or the span around it."""
    if _tracer is None:
        yield
        return
    from opentelemetry.propagate import extract

    context = extract({"traceparent": parent}) if parent else None
    with _tracer.start_as_current_span(name, context=context, attributes=attributes):
        yield


def past_span(name: str, start_ns: int) -> None:
    """A span that began at this time (nanoseconds since the epoch) and ends now, below the one around this."""
    if _tracer is not None:
        _tracer.start_span(name, start_time=start_ns).end()


def traceparent() -> str | None:
    """The span around this, as W3C writes it; None where there is none."""
    if _tracer is None:
        return None
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent")
