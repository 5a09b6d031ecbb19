"""Run Command runs documents on hosts, and tells of it as the service does.

A host is a file <instance id>.json in the folder SSM_HOSTS: {"enter": what stands before a command so that it runs there, "tags",
"online", "platform", "agent"}. What happens on it is in run_documents.py; here is the service (pages of the same names, Systems
Manager API Reference; "Understanding command statuses" and "Run commands at scale", Systems Manager User Guide):

- SendCommand to at most 50 ids, or to those that carry all of the tags (one of the values of each); a host that was never registered
  is InvalidInstanceId, one that is off is tried until TimeoutSeconds have passed, then "Delivery Timed Out".
- Right afterwards there is no invocation: GetCommandInvocation answers InvocationDoesNotExist, the list is empty.
- MaxConcurrency and MaxErrors as number or percentage. With more errors than that nothing more is sent: "Terminated". A delivery that
  timed out is no error.
- GetCommandInvocation needs PluginName where a document has several steps, and has 24,000 characters of output and 8,000 of errors;
  ListCommandInvocations with Details has 2,500 of both, by pages of at most 50.
- CancelCommand: what has not begun is Cancelled, what runs is Cancelling until its process is gone.
- The right ssm:SendCommand is asked for on the document and on each host, with its tags as ssm:resourceTag/<key>.

The emulator runs no documents and knows no tags as targets. Not as AWS: the waves in which it begins to send (here at once, up to
MaxConcurrency), and that waits for a host which is off are multiplied as those of Step Functions are (SFN_WAIT_SCALE). The word for a
command that is "Incomplete" is not in its reference: it is Failed here.
"""

import itertools
import json
import math
import os
import pathlib
import re
import threading
import time
import uuid
from datetime import datetime, timezone

import run_documents
from mending import wrap
from mends.ssm_documents import Refused, find

ENDED = ("Success", "Failed", "Cancelled", "TimedOut")
LATER = 0.2  # seconds until a command's invocations are there
PLUGIN = "aws:runShellScript"
MAX_CONCURRENCY = r"[1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%"
MAX_ERRORS = r"[1-9][0-9]*|0|[1-9][0-9]%|[0-9]%|100%"


class Host:
    """A registered host, as its file says now."""

    def __init__(self, file: pathlib.Path):
        said = json.loads(file.read_text())
        self.id = file.stem
        self.enter: list[str] = said.get("enter", [])
        self.tags: dict[str, str] = said.get("tags", {})
        self.online: bool = said.get("online", True)
        self.platform: str = said.get("platform", "Linux")
        self.agent: str = said.get("agent", "3.3.3572.0")

    @property
    def arn(self) -> str:
        from ministack.core.responses import get_account_id, get_region

        kind = "ssm" if self.id.startswith("mi-") else "ec2"
        resource = "managed-instance" if kind == "ssm" else "instance"
        return f"arn:aws:{kind}:{get_region()}:{get_account_id()}:{resource}/{self.id}"


def hosts() -> dict[str, Host]:
    folder = pathlib.Path(os.environ.get("SSM_HOSTS", "/nonexistent"))
    return {file.stem: Host(file) for file in sorted(folder.glob("*.json"))}


class Invocation:
    """A command on one host."""

    def __init__(self, command: "Command", instance: str):
        self.command, self.instance = command, instance
        self.status = self.details = "Pending"
        self.requested = time.time()
        host = hosts().get(instance)
        self.work = run_documents.Work(
            **{"document": command.parsed, "values": command.values, "enter": host.enter if host else []},
            **{"instance": instance, "platform": host.platform if host else "Linux"},
        )

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def end(self, status: str, details: str) -> None:
        self.details, self.status = details, status

    def run(self) -> None:
        while not self.ended:
            host = hosts().get(self.instance)
            if host and host.online:
                break
            self.status = self.details = "Delayed"
            if time.time() >= self.command.deliver_until:
                return self.end("TimedOut", "Delivery Timed Out")
            time.sleep(0.05)
        if self.ended:
            return
        self.work.enter = host.enter
        self.status, self.details = "InProgress", "In Progress"
        self.end(*self.work.run())

    def cancel(self) -> None:
        if self.status == "InProgress":
            self.status = self.details = "Cancelling"
            self.work.cancel()
        elif not self.ended:
            self.end("Cancelled", "Cancelled")


class Command:
    def __init__(self, data: dict, document, number: int, values: dict, instances: list[str]):
        scale = float(os.environ.get("SFN_WAIT_SCALE", "1"))
        self.id, self.data, self.document = str(uuid.uuid4()), data, document
        self.version, self.parsed = number, document.versions[number - 1]["parsed"]
        self.values, self.instances, self.requested = values, instances, time.time()
        self.seconds = int(data.get("TimeoutSeconds") or 3600)
        self.deliver_until = self.requested + self.seconds * scale
        self.at_once = share(data.get("MaxConcurrency") or "50", len(instances), math.ceil)
        self.max_errors = share(data.get("MaxErrors") or "0", len(instances), math.floor)
        self.invocations: dict[str, Invocation] = {}
        self.cancelling = False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        time.sleep(LATER)
        self.invocations = {instance: Invocation(self, instance) for instance in self.instances}
        if self.cancelling:
            self.cancel([])
        left = iter(list(self.invocations.values()))
        lock = threading.Lock()

        def send() -> None:
            while True:
                with lock:
                    invocation = next(left, None)
                    too_many = self.errors > self.max_errors
                if invocation is None:
                    return
                if too_many and not invocation.ended:
                    invocation.end("Cancelled", "Terminated")
                else:
                    invocation.run()

        for _ in range(min(self.at_once, len(self.instances))):
            threading.Thread(target=send, daemon=True).start()

    @property
    def errors(self) -> int:
        return sum(
            one.status == "Failed" or one.details == "Execution Timed Out" for one in list(self.invocations.values())
        )

    def cancel(self, instances: list[str]) -> None:
        self.cancelling = self.cancelling or not instances
        for invocation in list(self.invocations.values()):
            if not instances or invocation.instance in instances:
                invocation.cancel()

    def status(self) -> tuple[str, str]:
        found = list(self.invocations.values())
        if not self.instances:
            return "Success", "NoInstancesInTag"
        if not found:
            return "Pending", "Pending"
        if not all(one.ended for one in found):
            return ("Cancelling", "Cancelling") if self.cancelling else ("InProgress", "InProgress")
        if self.cancelling:
            return "Cancelled", "Cancelled"
        if self.errors > self.max_errors:
            return "Failed", "Failed"
        if all(one.status == "Success" for one in found):
            return "Success", "Success"
        if all(one.details == "Delivery Timed Out" for one in found):
            return "TimedOut", "DeliveryTimedOut"
        return "Failed", "Incomplete"

    def shown(self) -> dict:
        status, details = self.status()
        found = list(self.invocations.values())
        given = ("Comment", "InstanceIds", "Targets", "Parameters", "OutputS3BucketName", "OutputS3KeyPrefix")
        return {
            **{"CommandId": self.id, "DocumentName": self.document.name, "DocumentVersion": str(self.version)},
            **{key: self.data.get(key) or ("" if key[0] == "C" or key[0] == "O" else {} if key[0] == "P" else []) for key in given},
            **{"Status": status, "StatusDetails": details, "RequestedDateTime": self.requested},
            **{"ExpiresAfter": self.requested + self.seconds, "TimeoutSeconds": self.seconds},
            **{"MaxConcurrency": self.data.get("MaxConcurrency") or "50", "MaxErrors": self.data.get("MaxErrors") or "0"},
            "TargetCount": len(self.instances),
            "CompletedCount": sum(one.ended for one in found),
            "ErrorCount": self.errors,
            "DeliveryTimedOutCount": sum(one.details == "Delivery Timed Out" for one in found),
        }


def share(text: str, of: int, rounded) -> int:
    return rounded(of * int(text[:-1]) / 100) if text.endswith("%") else int(text)


commands: dict[tuple, dict[str, Command]] = {}


def ours() -> dict[str, Command]:
    from ministack.core.responses import get_account_id, get_region

    return commands.setdefault((get_account_id(), get_region()), {})


def targeted(data: dict) -> list[str]:
    ids, known = list(data.get("InstanceIds") or []), hosts()
    if len(ids) > 50:
        raise Refused("ValidationException", "InstanceIds: at most 50; use Targets")
    if len(set(ids)) < len(ids):
        raise Refused("DuplicateInstanceId", "You can't specify an instance ID more than once.")
    found = list(known.values()) if data.get("Targets") else []
    if not ids and not found and not data.get("Targets"):
        raise Refused("ValidationException", "InstanceIds or Targets is required")
    if len(data.get("Targets") or []) > 5:
        raise Refused("ValidationException", "Targets: at most 5")
    for target in data.get("Targets") or []:
        key, values = target["Key"], target.get("Values") or []
        if key.lower() == "instanceids":
            ids += values
            found = []
        elif key.startswith("tag:"):
            found = [host for host in found if host.tags.get(key[4:]) in values]
        else:
            raise Refused("ValidationException", f"Only tag:<key> and InstanceIds are emulated as targets: {key}")
    if any(one not in known for one in ids):
        raise Refused("InvalidInstanceId", f"Instances [[{', '.join(ids)}]] not in a valid state for account")
    return ids + [host.id for host in found]


def send(data: dict, allowed) -> dict:
    document = find(data.get("DocumentName", ""))
    number = document.number(data.get("DocumentVersion"))
    if data.get("DocumentHash") and data["DocumentHash"] != document.versions[number - 1]["hash"]:
        raise Refused("InvalidDocument", "The hash of the document is another.")
    if len(data.get("Comment") or "") > 100:
        raise Refused("ValidationException", "Comment: at most 100 characters")
    if not 30 <= int(data.get("TimeoutSeconds") or 3600) <= 2_592_000:
        raise Refused("ValidationException", "TimeoutSeconds: from 30 to 2592000")
    for key, pattern in (("MaxConcurrency", MAX_CONCURRENCY), ("MaxErrors", MAX_ERRORS)):
        if data.get(key) and not re.fullmatch(pattern, data[key]):
            raise Refused("ValidationException", f"{key}: a number or a percentage")
    try:
        values = run_documents.values(document.versions[number - 1]["parsed"], data.get("Parameters") or {})
    except run_documents.InvalidParameters as invalid:
        raise Refused("InvalidParameters", str(invalid)) from None
    instances = targeted(data)
    for instance in instances:
        allowed(hosts()[instance])
    command = Command(data, document, number, values, instances)
    ours()[command.id] = command
    return {"Command": command.shown()}


def iso(moment: float | None) -> str:
    return "" if moment is None else datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def get_invocation(data: dict) -> dict:
    command = ours().get(data.get("CommandId", ""))
    invocation = command and command.invocations.get(data.get("InstanceId", ""))
    if not invocation:
        raise Refused("InvocationDoesNotExist", "")
    steps, wanted = invocation.work.steps, data.get("PluginName")
    if wanted and len(wanted) < 4:
        raise Refused("ValidationException", "PluginName: at least 4 characters")
    if not wanted and len(steps) > 1:
        raise Refused("InvalidPluginName", "The document has several steps: name one")
    found = next((step for step in steps if not wanted or wanted in (step.name, PLUGIN)), None)
    if found is None:
        raise Refused("InvalidPluginName", f"There is no step {wanted}")
    # Until a step has begun it is as its invocation is: not delivered, cancelled, or still to be sent.
    begun = found.started is not None or found.status != "Pending"
    over = found.ended is not None or not begun
    return {
        **{"CommandId": command.id, "InstanceId": invocation.instance, "Comment": command.data.get("Comment", "")},
        **{"DocumentName": command.document.name, "DocumentVersion": str(command.version), "PluginName": found.name},
        "ResponseCode": found.code,
        **{"ExecutionStartDateTime": iso(found.started), "ExecutionEndDateTime": iso(found.ended)},
        "ExecutionElapsedTime": f"PT{found.ended - found.started:.3f}S" if found.ended else "",
        "Status": invocation.status if not begun or invocation.status == "Cancelling" else found.status,
        "StatusDetails": invocation.details if not begun or invocation.status == "Cancelling" else found.details,
        "StandardOutputContent": found.stdout if over else "",
        "StandardErrorContent": found.stderr if over else "",
        **{"StandardOutputUrl": "", "StandardErrorUrl": ""},
    }


def plugin(invocation: Invocation, step: run_documents.Step) -> dict:
    begun = step.started is not None or step.status != "Pending"
    return {
        "Name": step.name,
        "Status": step.status if begun else invocation.status,
        "StatusDetails": step.details if begun else invocation.details,
        "ResponseCode": step.code,
        **({"ResponseStartDateTime": step.started} if step.started else {}),
        **({"ResponseFinishDateTime": step.ended} if step.ended else {}),
        "Output": step.output if step.ended else "",
        **{"StandardOutputUrl": "", "StandardErrorUrl": "", "OutputS3BucketName": "", "OutputS3KeyPrefix": ""},
    }


def shown(invocation: Invocation, details: bool) -> dict:
    command = invocation.command
    return {
        **{"CommandId": command.id, "InstanceId": invocation.instance, "InstanceName": invocation.instance},
        **{"Comment": command.data.get("Comment", ""), "DocumentName": command.document.name},
        **{"DocumentVersion": str(command.version), "RequestedDateTime": invocation.requested},
        **{"Status": invocation.status, "StatusDetails": invocation.details},
        "CommandPlugins": [plugin(invocation, step) for step in invocation.work.steps] if details else [],
    }


def filtered(found: list[Command], data: dict) -> list[Command]:
    if data.get("CommandId"):
        found = [one for one in found if one.id == data["CommandId"]]
    if data.get("InstanceId"):
        found = [one for one in found if data["InstanceId"] in one.instances]
    for rule in data.get("Filters") or []:
        key, value = rule.get("key"), rule.get("value")
        if key in ("InvokedAfter", "InvokedBefore"):
            at = datetime.fromisoformat(value).timestamp()
            found = [one for one in found if (one.requested >= at) == (key == "InvokedAfter")]
        elif key == "DocumentName":
            found = [one for one in found if one.document.name == value]
        elif key == "Status":
            found = [one for one in found if one.status()[0] == value]
        else:
            raise Refused("InvalidFilterKey", f"The filter {key} is not emulated")
    return sorted(found, key=lambda one: -one.requested)


def page(name: str, everything: list, data: dict, most: int) -> dict:
    size, start = int(data.get("MaxResults") or most), int(data.get("NextToken") or 0)
    if not 1 <= size <= most:
        raise Refused("ValidationException", f"MaxResults: at most {most}")
    more = {"NextToken": str(start + size)} if start + size < len(everything) else {}
    return {name: everything[start : start + size], **more}


def list_commands(data: dict) -> dict:
    return page("Commands", [one.shown() for one in filtered(list(ours().values()), data)], data, 50)


def list_invocations(data: dict) -> dict:
    found = itertools.chain.from_iterable(one.invocations.values() for one in filtered(list(ours().values()), data))
    wanted = [one for one in found if data.get("InstanceId") in (None, "", one.instance)]
    answer = page("CommandInvocations", wanted, data, 50)
    answer["CommandInvocations"] = [shown(one, bool(data.get("Details"))) for one in answer["CommandInvocations"]]
    return answer


def cancel(data: dict) -> dict:
    command = ours().get(data.get("CommandId", ""))
    if command is None:
        raise Refused("InvalidCommandId", "")
    command.cancel(data.get("InstanceIds") or [])
    return {}


def describe_instances(data: dict) -> dict:
    found = list(hosts().values())
    for rule in data.get("Filters") or []:
        key, values = rule.get("Key", ""), rule.get("Values") or []
        if key.startswith("tag:"):
            found = [host for host in found if host.tags.get(key[4:]) in values]
        elif key == "InstanceIds":
            found = [host for host in found if host.id in values]
        elif key == "PingStatus":
            found = [host for host in found if ("Online" if host.online else "ConnectionLost") in values]
        else:
            raise Refused("InvalidFilterKey", f"The filter {key} is not emulated")
    entries = [
        {
            **{"InstanceId": host.id, "PingStatus": "Online" if host.online else "ConnectionLost"},
            **{"LastPingDateTime": time.time(), "AgentVersion": host.agent, "PlatformType": host.platform},
            **{"ResourceType": "ManagedInstance" if host.id.startswith("mi-") else "EC2Instance"},
        }
        for host in found
    ]
    return page("InstanceInformationList", entries, data, 50)


ACTIONS = {
    "GetCommandInvocation": get_invocation,
    "ListCommands": list_commands,
    "ListCommandInvocations": list_invocations,
    "CancelCommand": cancel,
    "DescribeInstanceInformation": describe_instances,
}


class Denied(Exception):
    pass


def mend() -> None:
    from ministack import app
    from ministack.core import iam_actions
    from ministack.services import ssm

    @wrap(ssm, "handle_request")
    async def handle_request(original, method, path, headers, body, query_params):
        action = headers.get("x-amz-target", "").split(".")[-1]
        if action != "SendCommand" and action not in ACTIONS:
            return await original(method, path, headers, body, query_params)

        def allowed(host: Host) -> None:
            tags = {f"ssm:resourcetag/{key}".lower(): value for key, value in host.tags.items()}
            denied = app._enforce_data_plane(
                "ssm", "ssm:SendCommand", headers, query_params, "", resource_arn=host.arn, service_context=tags
            )
            if denied:
                raise Denied(denied)

        data = json.loads(body or b"{}")
        try:
            return ssm.json_response(send(data, allowed) if action == "SendCommand" else ACTIONS[action](data))
        except Refused as refused:
            return ssm.error_response_json(refused.code, str(refused), 400)
        except Denied as denied:
            return denied.args[0]

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(original, service, method, path, headers, body, query_params, region, account):
        action = headers.get("x-amz-target", "").split(".")[-1]
        if service == "ssm" and action == "SendCommand":
            name = json.loads(body or b"{}").get("DocumentName", "*")
            return name if name.startswith("arn:") else f"arn:aws:ssm:{region}:{account}:document/{name}"
        if service == "ssm" and action in ACTIONS:
            return "*"
        return original(service, method, path, headers, body, query_params, region, account)
