"""Spans and counters of OpenTelemetry; without its API they are nothing, and cost nothing.

The API alone exports nothing: that takes an SDK with an exporter, which is the user's to set up.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from holdfast.job import Job
from holdfast.memory import Receipt

SCOPE = "holdfast"


class _Meters:
    """The instruments, made when they are first used."""

    def __init__(self, metrics: Any) -> None:
        meter = metrics.get_meter(SCOPE)
        self.submits = meter.create_counter("holdfast.jobs.submitted", "{job}", "jobs put")
        self.waits = meter.create_histogram("holdfast.jobs.wait", "s", "from due to begun")
        self.runs = meter.create_histogram("holdfast.jobs.run", "s", "from begun to ended")
        self.ends = meter.create_counter("holdfast.jobs.ended", "{run}", "runs, by their end")
        self.retries = meter.create_counter("holdfast.jobs.retried", "{run}", "runs tried again")
        self.calls = meter.create_counter("holdfast.model.calls", "{call}", "calls of models")
        self.tokens = meter.create_counter("holdfast.model.tokens", "{token}", "tokens of models")


@functools.cache
def _api() -> tuple[Any, Any, _Meters] | None:
    try:
        from opentelemetry import metrics, propagate, trace
    except ImportError:
        return None
    return trace.get_tracer(SCOPE), propagate, _Meters(metrics)


def current() -> str | None:
    """Return what names the trace that runs (W3C `traceparent`); None where there is none."""
    api = _api()
    if api is None:
        return None
    carrier: dict[str, str] = {}
    api[1].inject(carrier)
    return carrier.get("traceparent")


@contextlib.contextmanager
def submitting(handler: str) -> Iterator[None]:
    """Note that a job is put: its span, and the counter."""
    api = _api()
    if api is None:
        yield
        return
    about = {"holdfast.handler": handler}
    with api[0].start_as_current_span(f"holdfast.submit {handler}", attributes=about):
        yield
    api[2].submits.add(1, about)


@contextlib.contextmanager
def running(job: Job) -> Iterator[Any]:
    """Give the span of a run, in the trace that its job was put in."""
    api = _api()
    if api is None:
        yield None
        return
    tracer, propagate, meters = api
    about = {"holdfast.handler": job.handler}
    if job.due_at is not None and isinstance(job.due_at, datetime):
        late = max(0.0, (datetime.now(UTC) - job.due_at).total_seconds())
        meters.waits.record(late, about)
    trace = job.payload.get("trace")
    carrier = {"traceparent": trace} if isinstance(trace, str) else {}
    began = time.monotonic()
    name = f"holdfast.job {job.handler}"
    with tracer.start_as_current_span(name, context=propagate.extract(carrier)) as span:
        span.set_attributes({**about, "holdfast.attempt": job.attempts})
        yield span
    meters.runs.record(time.monotonic() - began, about)


def ended(span: Any, job: Job, result: Any, error: BaseException | None, *, over: bool) -> None:
    """Note how a run ended: its span, and the counters."""
    api = _api()
    if api is None or span is None:
        return
    end = "done" if error is None else "dead" if over else "again"
    about = {"holdfast.handler": job.handler, "holdfast.end": end}
    span.set_attributes(about)
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)  # what it says may be private
    meters = api[2]
    meters.ends.add(1, about)
    if end == "again":
        meters.retries.add(1, about)
    if isinstance(result, Receipt) and result.usage.model_calls:
        meters.calls.add(result.usage.model_calls, about)
        meters.tokens.add(result.usage.total_tokens, about)
