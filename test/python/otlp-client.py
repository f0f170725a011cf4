"""Sends spans to `URL/v1/traces` in OpenTelemetry's own messages; prints what MLflow's client reads back."""

import json
import sys
import urllib.request

import mlflow
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

url = sys.argv[1]
mlflow.set_tracking_uri(url)
experiment = mlflow.create_experiment("calls")
START = 1_700_000_000_123_456_789

request = ExportTraceServiceRequest()
resource = request.resource_spans.add()
resource.resource.attributes.add(key="service.name").value.string_value = "shop"
spans = resource.scope_spans.add().spans
for number, parent, name in [(1, None, "predict"), (2, 1, "inner")]:
    span = spans.add(
        trace_id=bytes(range(16)),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        start_time_unix_nano=START + number,
        end_time_unix_nano=START + 1_000_000 * (3 - number),
    )
    span.attributes.add(key="tokens").value.int_value = 2**53 + 1
    span.attributes.add(key="mlflow.spanInputs").value.string_value = '{"x": 2}'
sent = urllib.request.Request(
    f"{url}/v1/traces",
    data=request.SerializeToString(),
    headers={"content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment},
)
status = urllib.request.urlopen(sent).status

trace = mlflow.get_trace("tr-" + bytes(range(16)).hex())
found = mlflow.search_traces(locations=[experiment], return_type="list")
print(
    "\n"
    + json.dumps(
        {
            "status": status,
            "state": trace.info.state.value,
            "duration": trace.info.execution_duration,
            "service": trace.info.tags["service.name"],
            "spans": [
                [span.name, span.parent_id, span.start_time_ns - START, span.end_time_ns - START, span.attributes["tokens"]]
                for span in trace.data.spans
            ],
            "found": [[one.info.trace_id, len(one.data.spans)] for one in found],
        }
    )
)
