"""What OpenTelemetry is told of jobs, where its SDK is set up; in a process of its own."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))

from langchain_core.messages import AIMessage
from holdfast import ReflectionExecutor, Retry, create_memory_store_manager, open_store
from holdfast.testing import ScriptedModel

usage = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}
call = {"name": "Memory", "args": {"content": "secret tea"}, "id": "1"}
replies = [TimeoutError("secret tea"), AIMessage("", tool_calls=[call], usage_metadata=usage)]
manager = create_memory_store_manager(ScriptedModel(replies), namespace=("memories",))
with open_store(":memory:") as store:
    with ReflectionExecutor(manager, store=store, retry=Retry(first=0.01)) as executor:
        with trace.get_tracer("agent").start_as_current_span("the agent's turn"):
            future = executor.submit({"messages": [("user", "secret tea")]})
        future.result(10)

found = {}
for scope in reader.get_metrics_data().resource_metrics[0].scope_metrics:
    for metric in scope.metrics:
        for point in metric.data.data_points:
            end = point.attributes.get("holdfast.end", "")
            value = getattr(point, "value", None)
            found[f"{metric.name} {end}".strip()] = point.count if value is None else value
told = [json.loads(span.to_json()) for span in spans.get_finished_spans()]
print(json.dumps({"metrics": found, "spans": told}))
"""


def run(program):
    asked = [sys.executable, "-c", program]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_spans_and_counters_tell_of_runs_and_of_no_contents():
    done = run(PROGRAM)
    told = json.loads(done.stdout)
    metrics = told["metrics"]
    assert metrics["holdfast.jobs.submitted"] == 1
    assert (metrics["holdfast.jobs.ended again"], metrics["holdfast.jobs.ended done"]) == (1, 1)
    assert metrics["holdfast.jobs.retried again"] == 1
    assert (metrics["holdfast.model.calls done"], metrics["holdfast.model.tokens done"]) == (1, 25)
    assert metrics["holdfast.jobs.wait"] == metrics["holdfast.jobs.run"] == 2
    spans = {span["name"]: span for span in told["spans"]}
    assert spans["holdfast.submit reflect:reflection"]["parent_id"] is not None
    ran, turn = spans["holdfast.job reflect:reflection"], spans["the agent's turn"]
    assert ran["context"]["trace_id"] == turn["context"]["trace_id"]
    assert ran["parent_id"] == turn["context"]["span_id"]
    assert "secret" not in done.stdout


def test_without_its_api_jobs_run_all_the_same():
    program = """
import sys
sys.modules["opentelemetry"] = None
from holdfast import ReflectionExecutor, create_memory_store_manager, open_store
from holdfast.testing import ScriptedModel
manager = create_memory_store_manager(ScriptedModel([""]), namespace=("memories",))
with open_store(":memory:") as store, ReflectionExecutor(manager, store=store) as executor:
    print(executor.submit({"messages": [("user", "tea")]}).result(10).usage.model_calls)
"""
    assert run(program).stdout.strip() == "1"
