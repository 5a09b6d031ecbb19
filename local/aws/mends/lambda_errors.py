"""A failing function is reported as AWS reports it.

The runtime answers {errorType, errorMessage, trace}, errorType being the thrown error's name ("Understanding
function error types" and "Lambda function handler in Node.js", Lambda Developer Guide); something thrown that is no
error is named by its type. The environment lives on after a handler's error. A process that ends by itself is
Runtime.ExitError; one over its Timeout is killed at once and is Sandbox.Timedout ("Configure Lambda function
timeout").

Step Functions takes errorType as the error's name and the whole answer as the cause, except for a process that ended:
that is Lambda.Unknown ("Handle transient Lambda service exceptions", Step Functions Developer Guide).

The emulator names every error Runtime.HandlerError, so no Retry or Catch by name ever matches, and restarts the
function's process after each.
"""

import signal
import subprocess

from mending import existing, replace_once, rewrite

# As the runtime for Node.js does (aws-lambda-nodejs-runtime-interface-client, src/Errors.js).
REPORT = r"""
const _ms_report = (error) => {
  const isError = require("util").types.isNativeError(error)
    || (error && error.name && error.message && error.stack);
  const report = isError
    ? { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split("\n") }
    : { errorType: typeof error, errorMessage: String(error), trace: [] };
  return JSON.stringify({ status: "error", error: report.errorMessage, report, trace: report.trace.join("\n") }) + "\n";
};
// Outside the handler's promise: reported, then the process ends.
const _ms_die = (error) => {
  _realWriteSync(1, _ms_report(error));
  process.exit(129);
};
process.on("uncaughtException", _ms_die);
process.on("unhandledRejection", (reason) => {
  const error = new Error(String(reason));
  error.name = "Runtime.UnhandledPromiseRejection";
  _ms_die(error);
});
"""


def mend() -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc, stepfunctions

    where = "lambda_runtime._NODEJS_WORKER_SCRIPT"
    script = existing(lambda_runtime, "_NODEJS_WORKER_SCRIPT")
    for old, new in (
        ("\nlet handlerFn = null;\n", REPORT + "\nlet handlerFn = null;\n"),
        (
            """          _realStdoutWrite(JSON.stringify({
            status: "error", error: String(err.message || err), trace: err.stack || ""
          }) + "\\n");
""",
            "          _realStdoutWrite(_ms_report(err));\n",
        ),
        (
            """      _realStdoutWrite(JSON.stringify({
        status: "error", error: e.message, trace: e.stack
      }) + "\\n");
""",
            "      _realStdoutWrite(_ms_report(e));\n",
        ),
        # A rejection with nothing in it is an error too.
        ("err => settle(err)", "err => settle(err || String(err))"),
    ):
        script = replace_once(script, old, new, where)
    lambda_runtime._NODEJS_WORKER_SCRIPT = script

    rewrite_invoke(lambda_runtime)
    rewrite(
        lambda_svc,
        "_execute_function_warm",
        (
            """                "body": {
                    "errorMessage": error_msg,
                    "errorType": error_type,
                },
""",
            """                "body": result.get("report") or {
                    "errorType": result.get("error_type", error_type),
                    "errorMessage": f"RequestId: {request_id} Error: {error_msg}",
                },
""",
        ),
    )
    rewrite(
        stepfunctions,
        "_call_lambda",
        (
            """            raise _ExecutionError(
                body.get("errorType", "Lambda.Unknown"),
                json.dumps(body))
""",
            """            if body.get("errorType") == "Runtime.ExitError":
                raise _ExecutionError("Lambda.Unknown", _UNKNOWN + json.dumps(body))
            raise _ExecutionError(
                body.get("errorType", "Lambda.Unknown"),
                json.dumps(body))
""",
        ),
        _UNKNOWN="The cause could not be determined because Lambda did not return an error type. Returned payload: ",
    )


def rewrite_invoke(lambda_runtime) -> None:
    """Worker.invoke: how the process ended, a time limit that kills, and an environment that outlives an error."""
    rewrite(
        lambda_runtime.Worker,
        "invoke",
        (
            '{"status": "error", "error": "Worker process died"}',
            '{"status": "error", "error": _ms_ending(self._proc), "error_type": "Runtime.ExitError"}',
        ),
        (
            """                proc, self._proc = self._proc, None
                _signal(proc)
                _collect(proc, time.monotonic() + _REAP_GRACE)
                return {
""",
            """                proc, self._proc = self._proc, None
                proc.kill()
                _collect(proc, time.monotonic() + _REAP_GRACE)
                return {
""",
        ),
        (
            """            if response.get("status") == "error":
                proc, self""",
            """            if response.get("status") == "error" and "report" not in response:
                proc, self""",
        ),
        _ms_ending=ending,
    )


def ending(process) -> str:
    """How the runtime's process ended, in Lambda's words."""
    try:
        code = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return "Runtime exited without providing a reason"
    if code < 0:
        name = signal.strsignal(-code).lower()
        return f"Runtime exited with error: signal: {name}"
    if code == 0:
        return "Runtime exited without providing a reason"
    return f"Runtime exited with error: exit status {code}"
