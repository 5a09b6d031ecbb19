"""A Succeed state puts out what it says.

A JSONata Succeed has Output ("Succeed workflow state"): the output of the execution, or of its branch of a Map or
Parallel.

The emulator passes its input on and ignores Output, so that answers of machines are lost.
"""

from mending import rewrite


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    def succeed(state_def, given, ctx):
        if sfn._state_query_language(state_def, ctx) == "JSONata":
            return sfn._apply_jsonata_output(state_def, given, ctx, default=given)
        return sfn._apply_output_path(state_def, sfn._apply_input_path(state_def, given, ctx), ctx)

    rewrite(
        sfn,
        "_run_execution",
        (
            """                current_input = _apply_input_path(state_def, current_input, ctx)
                current_input = _apply_output_path(state_def, current_input, ctx)
                _add_event(execution, "SucceedStateExited", {
""",
            """                current_input = _ms_succeed(state_def, current_input, ctx)
                _add_event(execution, "SucceedStateExited", {
""",
        ),
        _ms_succeed=succeed,
    )
    rewrite(
        sfn,
        "_run_sub_machine",
        (
            """            return _apply_output_path(state_def,
                                      _apply_input_path(state_def, current_input, ctx), ctx)
""",
            """            return _ms_succeed(state_def, current_input, ctx)
""",
        ),
        _ms_succeed=succeed,
    )
