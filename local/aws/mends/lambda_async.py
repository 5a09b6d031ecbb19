"""Events reach functions asynchronously.

EventBridge invokes a function asynchronously: when it fails, Lambda tries twice more, or as often as the function's
event invoke configuration says, and then hands the event to its destination or dead-letter queue ("How Lambda handles
errors and retries with asynchronous invocation", Lambda Developer Guide).

The emulator calls a rule's function once and forgets the failure. Between attempts it waits seconds, not minutes.
"""

import json

from mending import existing, wrap


def mend() -> None:
    from ministack.services import eventbridge, lambda_svc

    invoke = existing(lambda_svc, "invoke_async_with_retry")

    @wrap(eventbridge, "_dispatch_to_lambda")
    def _dispatch_to_lambda(_original, arn, payload):
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            eventbridge.logger.warning("EventBridge: function %s not found", name)
            return
        invoke(lambda_svc._execution_record_for_config(function, config), json.loads(payload))
