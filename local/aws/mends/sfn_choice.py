"""A Choice decides by booleans only.

The Condition of a JSONata Choice rule must give a boolean; anything else fails the execution with
States.QueryEvaluationError ("Choice workflow state", "Transforming data with JSONata in Step Functions"). Output beside
Default applies when Default is taken.

The emulator takes any value that is not empty for true, and ignores Output beside Default.
"""

from mending import rewrite, wrap


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    @wrap(sfn, "_evaluate_jsonata_choice_rule")
    def _evaluate_jsonata_choice_rule(_original, rule, raw_input, ctx):
        return sfn._jsonata_state_field({"Condition": rule.get("Condition")}, "Condition", "boolean", raw_input, ctx)

    rewrite(
        sfn,
        "_execute_choice",
        (
            "            return raw_input, default\n",
            "            return _apply_jsonata_output(state_def, raw_input, ctx, default=raw_input), default\n",
        ),
    )
