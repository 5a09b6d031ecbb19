"""What is stopped stays stopped, with all its parts.

StopExecution ends an execution: no further state of it starts, in branches of Parallel and Map neither, and ABORTED is
its last status ("StopExecution", Step Functions API Reference). An execution that it waits for by `.sync` is stopped
too, as a best effort ("Discover service integration patterns in Step Functions": run a job). A function that is at
work goes on; its answer is dropped.

The emulator lets branches go on, and a task that fails after the stop turns ABORTED into FAILED.
"""

import executions
from mending import rewrite, wrap


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    executions.install()

    @wrap(sfn, "_stop_execution")
    def _stop_execution(original, data):
        arn = data.get("executionArn")
        execution = sfn._executions.get(arn)
        if execution and execution["status"] == "RUNNING" and not executions.claim(execution):
            executions.has_ended(arn).wait(5)  # it is ending at this very moment: then there is nothing to stop
        answer = original(data)
        executions.end(arn)
        return answer

    @wrap(sfn, "_fail_execution")
    def _fail_execution(original, execution, error, cause):
        if executions.claim(execution):
            original(execution, error, cause)

    rewrite(
        sfn,
        "_run_execution",
        (
            """        if execution["status"] == "RUNNING":
            output_json""",
            """        if _ms_claim(execution):
            output_json""",
        ),
        _ms_claim=executions.claim,
    )
