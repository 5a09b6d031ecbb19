"""Branches of Parallel and Map stand and fall together, and apart from what surrounds them.

When a branch fails, the others are stopped at once, and its error is the state's ("Parallel workflow state", "Map
workflow state"). Variables that a branch assigns are its own ("Passing data between states with variables"). A JSONata
Parallel has Arguments, Output and Assign. States of a branch are in the execution's history.

In the emulator the siblings of a failed branch run to their end first, the branches of a Parallel share variables and
the context object with the execution and each other, its JSONata fields are ignored, and its states leave no trace.
"""

import executions
from mending import rewrite

# In _run_sub_machine: what the loop over the states of a whole execution does.
ENTERED = """        _add_event(execution, f"{state_type}StateEntered", {
            "stateEnteredEventDetails": {"name": current_name, "input": json.dumps(current_input)},
        })
"""
EXITED = """        _add_event(execution, f"{state_type}StateExited", {
            "stateExitedEventDetails": {"name": ctx_name, "output": json.dumps(current_input)},
        })
"""


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    executions.install()
    names = {
        "_ms_scope": lambda: executions.Scope(executions.current()),
        "_ms_check": check,
        "_ms_Ended": executions.Ended,
    }

    rewrite(
        sfn,
        "_run_parallel_branches",
        (
            "    effective = _apply_parameters(state_def, effective, ctx)\n",
            """    is_jsonata = _state_query_language(state_def, ctx) == "JSONata"
    if is_jsonata:
        effective = _apply_jsonata_arguments(state_def, raw_input, ctx)
    else:
        effective = _apply_parameters(state_def, effective, ctx)
""",
        ),
        ("    errors = [None] * len(branches)\n", "    errors = [None] * len(branches)\n    scope = _ms_scope()\n"),
        (
            """            results[idx] = _run_sub_machine(
                branch.get("States", {}),
                branch.get("StartAt"),
                effective, execution, ctx)
        except Exception as exc:
            errors[idx] = exc
""",
            """            with scope.entered():
                results[idx] = _run_sub_machine(
                    branch.get("States", {}),
                    branch.get("StartAt"),
                    effective, execution, copy.deepcopy(ctx))
        except _ms_Ended:
            pass
        except Exception as exc:
            scope.fail(exc)
""",
        ),
        ("        t.join()\n", "        t.join()\n    errors = _ms_check(scope)\n"),
        (
            "    result = _apply_result_selector(state_def, results)\n",
            """    if is_jsonata:
        output = _apply_jsonata_output(state_def, raw_input, ctx, result=results, default=results)
        _apply_state_assign(state_def, raw_input, ctx, result=results)
        return output, _next_or_end(state_def)
    result = _apply_result_selector(state_def, results)
""",
        ),
        **names,
    )
    rewrite(
        sfn,
        "_run_map_items",
        ("    errors = [None] * len(items)\n", "    errors = [None] * len(items)\n    scope = _ms_scope()\n"),
        (
            """            results[idx] = _run_sub_machine(
                iter_states, iter_start, item_input, execution, item_ctx)
        except Exception as exc:
            errors[idx] = exc
""",
            """            with scope.entered():
                results[idx] = _run_sub_machine(
                    iter_states, iter_start, item_input, execution, item_ctx)
        except _ms_Ended:
            pass
        except Exception as exc:
            scope.fail(exc)
""",
        ),
        ("        futures_wait(futs)\n", "        futures_wait(futs)\n    errors = _ms_check(scope)\n"),
    )
    rewrite(
        sfn,
        "_run_sub_machine",
        (
            """        if state_type == "Succeed":
            return""",
            ENTERED
            + """        ctx_name = current_name

        if state_type == "Succeed":
            return""",
        ),
        (
            """            current_input, current_name = handler_fn(
                state_def, current_input, ctx)
""",
            """            current_input, current_name = handler_fn(
                state_def, current_input, ctx)
"""
            + EXITED,
        ),
    )


def check(scope: executions.Scope) -> list:
    """After the branches: the error that ended them, or the end of the whole execution."""
    scope.end()
    executions.current().check()
    return [scope.first_error]
