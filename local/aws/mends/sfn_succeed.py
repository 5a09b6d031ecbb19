"""A Succeed state answers its Output.

A Succeed state of a JSONata machine may have Output, which replaces its input ("Succeed workflow state", Step Functions
Developer Guide).

The emulator passes the input on, in the machine itself and in the iterations of a Map.
"""

from mending import wrap


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    # Both places where a Succeed state ends pass its output through this, and do nothing else to it.
    @wrap(sfn, "_apply_output_path")
    def _apply_output_path(original, state_def, data, ctx=None):
        if state_def.get("Type") == "Succeed" and "Output" in state_def:
            return sfn._apply_jsonata_output(state_def, data, ctx, default=data)
        return original(state_def, data, ctx)
