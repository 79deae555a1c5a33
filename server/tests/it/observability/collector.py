"""An OTLP receiver over HTTP, by OpenTelemetry's own messages: prints its port, then a line of JSON for each export.

Arguments: how many exports it refuses with 503 before it takes any.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

refuse = int(sys.argv[1])
seen = 0


def say(line):
    print(json.dumps(line), flush=True)


def labels(attributes):
    return {attribute.key: attribute.value.string_value for attribute in attributes}


def series(metric):
    """The metric as the series of a Prometheus page."""
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    if kind != "gauge":
        assert data.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    for point in data.data_points:
        assert 0 < point.start_time_unix_nano <= point.time_unix_nano
        own = labels(point.attributes)
        if kind == "histogram":
            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
            assert sum(point.bucket_counts) == point.count
            yield metric.name + "_sum", own, point.sum
            yield metric.name + "_count", own, point.count
            below = 0
            for bound, count in zip([*point.explicit_bounds, float("inf")], point.bucket_counts):
                below += count
                yield metric.name + "_bucket", {**own, "le": str(bound)}, below
        else:
            value = getattr(point, point.WhichOneof("value"))
            assert kind != "sum" or data.is_monotonic
            yield metric.name + ("_total" if kind == "sum" else ""), own, value


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global seen
        body = self.rfile.read(int(self.headers["content-length"]))
        seen += 1
        if seen <= refuse:
            self.answer(503, b"")
            return say({"refused": seen})
        request = ExportMetricsServiceRequest.FromString(body)
        (resource,) = request.resource_metrics
        (scope,) = resource.scope_metrics
        say({
            "path": self.path,
            "type": self.headers["content-type"],
            "resource": labels(resource.resource.attributes),
            "units": {metric.name: metric.unit for metric in scope.metrics},
            "described": all(metric.description for metric in scope.metrics),
            "series": [line for metric in scope.metrics for line in series(metric)],
        })
        self.answer(200, ExportMetricsServiceResponse().SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
say({"port": server.server_port})
server.serve_forever()
