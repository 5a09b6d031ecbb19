"""What a function writes to its log in the embedded metric format becomes a metric.

A line of JSON with `_aws.CloudWatchMetrics` names namespace, dimensions and metrics; their values are members of the
same object, the moment is `_aws.Timestamp` in milliseconds ("Specification: Embedded metric format", CloudWatch User
Guide). A dimension set or a metric whose values are missing is left out.

The emulator keeps such lines as text, so no alarm and no check ever sees a metric of ours.
"""

import json

from mending import existing, wrap


def mend() -> None:
    from ministack.services import cloudwatch, lambda_svc

    bucket = existing(cloudwatch, "_metric_bucket")
    key_of = existing(cloudwatch, "_dims_key")

    @wrap(lambda_svc, "_emit_lambda_logs")
    def emit_lambda_logs(original, func, request_id, log_text, *args, **kwargs):
        original(func, request_id, log_text, *args, **kwargs)
        for line in (log_text or "").splitlines():
            for namespace, dimensions, name, unit, value, seconds in embedded(line):
                point = {"Timestamp": seconds, "Value": value, "Unit": unit, "Dimensions": dimensions}
                bucket((namespace, name, key_of(dimensions))).append(point)


def embedded(line: str):
    """Each metric value that a line of a log holds."""
    if '"_aws"' not in line:
        return
    try:
        written = json.loads(line[line.index("{"):])
        about = written["_aws"]
        directives = about["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for names in directive.get("Dimensions", [[]]):
            if any(name not in written for name in names):
                continue
            dimensions = {name: str(written[name]) for name in names}
            for metric in directive.get("Metrics", []):
                values = written.get(metric["Name"], [])
                for value in values if isinstance(values, list) else [values]:
                    unit = metric.get("Unit", "None")
                    yield directive["Namespace"], dimensions, metric["Name"], unit, float(value), about["Timestamp"] / 1000
