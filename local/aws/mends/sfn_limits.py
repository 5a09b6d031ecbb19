"""Data between states has a limit of 256 KiB.

A state's input after its arguments are made, a task's result and a state's output of more than 262,144 bytes of UTF-8
end in States.DataLimitExceeded, and StartExecution refuses such an input ("Step Functions service quotas", Quotas
related to state throttling and task executions; "Handling errors in Step Functions workflows").

The emulator has no limit.
"""

import json

from mending import wrap

BYTES = 262_144


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    def held(value, what: str):
        if len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode()) > BYTES:
            cause = f"The {what} has a size which exceeds the maximum number of bytes service limit of {BYTES}."
            raise sfn._ExecutionError("States.DataLimitExceeded", cause)
        return value

    def limit(name: str, what: str) -> None:
        @wrap(sfn, name)
        def limited(original, *args, **kwargs):
            return held(original(*args, **kwargs), what)

    for name in ("_apply_jsonata_arguments", "_apply_parameters"):
        limit(name, "state/task input")
    limit("_invoke_resource", "state/task result")
    limit("_invoke_with_callback", "state/task result")
    for name in ("_apply_jsonata_output", "_apply_output_path"):
        limit(name, "state/task output")

    @wrap(sfn, "_start_execution")
    def _start_execution(original, data):
        if len(str(data.get("input", "")).encode()) > BYTES:
            message = (
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {BYTES}"
            )
            return sfn.error_response_json("ValidationException", message, 400)
        return original(data)
