"""Time limits hold.

An execution that runs longer than its machine's TimeoutSeconds ends with status TIMED_OUT, through no Catch ("State
machine structure in Amazon States Language": States.Timeout is the error). A task that waits for its token fails with
States.HeartbeatTimeout when HeartbeatSeconds pass without SendTaskHeartbeat; States.Timeout matches it as well
("Handling errors in Step Functions workflows", "Task workflow state").

The emulator knows TimeoutSeconds of tasks only. Limits are real seconds here: waitScale shortens waiting, not work.
"""

import contextvars
import json
import threading
import time

import executions
from mending import rewrite, wrap


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    executions.install()

    @wrap(sfn, "_run_execution")
    def _run_execution(original, arn):
        execution = sfn._executions.get(arn)
        machine = execution and sfn._state_machines.get(execution["stateMachineArn"])
        seconds = machine and limit(machine["definition"])
        if not seconds:
            return original(arn)
        timer = threading.Timer(seconds, contextvars.copy_context().run, (time_out, sfn, execution))
        timer.daemon = True
        timer.start()
        try:
            original(arn)
        finally:
            timer.cancel()

    @wrap(sfn, "_send_task_heartbeat")
    def _send_task_heartbeat(original, data):
        if task := sfn._task_tokens.get(data.get("taskToken")):
            task["beat"] = time.monotonic()
        return original(data)

    @wrap(sfn, "_error_matches")
    def _error_matches(original, error_equals, error):
        return original(error_equals, error) or (
            error == "States.HeartbeatTimeout" and "States.Timeout" in error_equals
        )

    rewrite(
        sfn,
        "_execute_task",
        (
            'resource, effective, ctx["Task"]["Token"], state_def)',
            'resource, effective, ctx["Task"]["Token"], {**state_def, **_ms_limits(state_def, raw_input, ctx)})',
        ),
        _ms_limits=lambda state, raw_input, ctx: {
            field: executions.seconds_of(sfn, state, field, raw_input, ctx)
            for field in ("TimeoutSeconds", "HeartbeatSeconds")
            if field in state
        },
    )
    rewrite(
        sfn,
        "_invoke_with_callback",
        (
            "_ms_current().wait(evt, timeout)",
            '_ms_wait_for_token(evt, timeout, state_def.get("HeartbeatSeconds"), token)',
        ),
        _ms_wait_for_token=lambda *args: wait_for_token(sfn, *args),
    )


def limit(definition: str) -> float | None:
    try:
        return json.loads(definition).get("TimeoutSeconds")
    except ValueError:
        return None


def time_out(sfn, execution) -> None:
    if not executions.claim(execution):
        return
    execution["status"] = "TIMED_OUT"
    execution["stopDate"] = sfn.now_iso()
    execution["error"] = "States.Timeout"
    details = {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    sfn._add_event(execution, "ExecutionTimedOut", details)
    executions.end(execution["executionArn"])
    sfn._emit_execution_status_event(execution)


def wait_for_token(sfn, event, timeout: float, heartbeat: float | None, token: str) -> bool:
    """Whether the answer came in time. Raises States.HeartbeatTimeout when the worker went silent before."""
    if heartbeat is None:
        return executions.current().wait(event, timeout)
    started = time.monotonic()
    while True:
        last = sfn._task_tokens[token].get("beat", started)
        silent_at, over_at = last + heartbeat, started + timeout
        if executions.current().wait(event, max(0, min(silent_at, over_at) - time.monotonic())):
            return True
        if time.monotonic() >= over_at:
            return False
        if sfn._task_tokens[token].get("beat", started) == last:
            sfn._task_tokens.pop(token, None)
            raise sfn._ExecutionError("States.HeartbeatTimeout", f"No heartbeat for {heartbeat} seconds")
