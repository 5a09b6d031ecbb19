"""Starting the same execution twice starts it once.

StartExecution with the name and the input of a running execution succeeds and answers that one. With another input, or
when it has ended, it is ExecutionAlreadyExists ("StartExecution", Step Functions API Reference). Input that is no JSON
is InvalidExecutionInput.

The emulator refuses the second start always, so a retried start looks like a failure, and takes any input.
"""

import json

from mending import wrap


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    @wrap(sfn, "_start_execution")
    def _start_execution(original, data):
        try:
            wanted = json.loads(data.get("input", "{}"))
        except ValueError:
            return sfn.error_response_json("InvalidExecutionInput", "Invalid State Machine Execution Input", 400)
        there = running(sfn, data)
        if there is not None and json.loads(there["input"]) == wanted:
            return sfn.json_response({"executionArn": there["executionArn"], "startDate": there["startDate"]})
        return original(data)


def running(sfn, data):
    machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    if machine is None or not data.get("name"):
        return None
    arn = machine.replace(":stateMachine:", ":execution:") + f":{data['name']}"
    there = sfn._executions.get(arn)
    return there if there is not None and there["status"] == "RUNNING" else None
