"""Status events say why an execution ended.

The detail of "Step Functions Execution Status Change" is what DescribeExecution answers: error and cause stand in it
for every ending that has them, ABORTED and TIMED_OUT too, and these can be redriven like FAILED ("Automating Step
Functions event delivery with EventBridge", "Restarting state machine executions with redrive").

The emulator fills them for FAILED only.
"""

from mending import rewrite


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    rewrite(
        sfn,
        "_emit_execution_status_event",
        ('    failed = status == "FAILED"\n', '    failed = status in ("FAILED", "ABORTED", "TIMED_OUT")\n'),
    )
