"""An execution that another waits for is an execution like any other.

`states:startExecution.sync` starts an ordinary execution, which sends status events and can be described and stopped
by itself, and waits for it. When it does not succeed the task fails with States.TaskFailed, whatever the child's own
error, and the cause is the child's description ("Start workflow executions from a task state in Step Functions"). When
the parent ends or its task times out, the child is stopped. A start that is refused is `StepFunctions.` and the
exception's name.

The emulator runs the child inside the parent's thread, sends no events for it, and lets its error name through, so a
match by name passes here and fails there.
"""

import json

import executions
from mending import wrap


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    executions.install()

    @wrap(sfn, "_invoke_nested_start_execution")
    def _invoke_nested_start_execution(_original, _resource, arguments):
        execution = start(sfn, arguments)
        return {"ExecutionArn": execution["executionArn"], "StartDate": milliseconds(sfn, execution["startDate"])}

    @wrap(sfn, "_invoke_nested_start_execution_sync")
    def _invoke_nested_start_execution_sync(_original, resource, arguments):
        child = start(sfn, arguments)
        arn = child["executionArn"]
        try:
            executions.current().wait(executions.has_ended(arn))
        except executions.Ended:
            sfn._stop_execution({"executionArn": arn, "cause": "The execution that waited for this one has ended."})
            raise
        if child["status"] != "SUCCEEDED":
            raise sfn._ExecutionError("States.TaskFailed", json.dumps(description(sfn, child)))
        output = json.loads(child["output"]) if resource.endswith(".sync:2") else child["output"]
        return {**description(sfn, child), "Output": output, "OutputDetails": {"Included": True}}


def start(sfn, arguments):
    status, _headers, body = sfn._start_execution(sfn._nested_start_execution_request(arguments))
    answer = json.loads(body)
    if status >= 400:
        name = answer.get("__type", "Unknown").removesuffix("Exception")
        raise sfn._ExecutionError(f"StepFunctions.{name}Exception", answer.get("message", ""))
    return sfn._executions[answer["executionArn"]]


def description(sfn, execution) -> dict:
    described = {
        "ExecutionArn": execution["executionArn"],
        "Input": execution["input"],
        "InputDetails": {"Included": True},
        "Name": execution["name"],
        "StartDate": milliseconds(sfn, execution["startDate"]),
        "StateMachineArn": execution["stateMachineArn"],
        "Status": execution["status"],
        "StopDate": milliseconds(sfn, execution["stopDate"]),
    }
    for field in ("error", "cause"):
        if execution.get(field) and execution["status"] != "SUCCEEDED":
            described[field.capitalize()] = execution[field]
    return described


def milliseconds(sfn, stamp: str) -> int:
    return sfn._iso_to_epoch_ms(stamp)
