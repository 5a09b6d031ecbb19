"""A stack tells the event bus of each status it comes to.

"CloudFormation Stack Status Change" from aws.cloudformation, with the stack's ARN as resource and as detail stack-id,
and its status and reason in status-details ("CloudFormation events detail reference", CloudFormation User Guide).
The events of its resources are not emulated.

The emulator sends none of them.
"""

import json

from mending import wrap


def mend() -> None:
    from ministack.services import eventbridge
    from ministack.services.cloudformation import handlers, stacks

    def add_event(original, stack_id, stack_name, logical_id, resource_type, status, reason="", *rest, **named):
        original(stack_id, stack_name, logical_id, resource_type, status, reason, *rest, **named)
        if resource_type != "AWS::CloudFormation::Stack" or logical_id != stack_name:
            return
        detail = {"stack-id": stack_id, "status-details": {"status": status, "status-reason": reason}}
        entry = {
            "Source": "aws.cloudformation",
            "DetailType": "CloudFormation Stack Status Change",
            "Detail": json.dumps(detail),
            "Resources": [stack_id],
        }
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)

    for module in (handlers, stacks):
        wrap(module, "_add_event")(add_event)
