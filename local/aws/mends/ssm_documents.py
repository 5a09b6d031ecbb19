"""Command documents of Systems Manager have versions and hashes.

CreateDocument, UpdateDocument (a new version; the same content is refused as DuplicateDocumentContent),
UpdateDocumentDefaultVersion, DescribeDocument, GetDocument, ListDocuments, DeleteDocument, and AWS::SSM::Document, whose
UpdateMethod NewVersion makes the new version the default (pages of the same names, Systems Manager API Reference and AWS
CloudFormation Template Reference). A document has at most 64 KB; the permission is asked for on its ARN.

The emulator has no documents. Only those that run_documents.py can run are taken, and only in JSON.
"""

import hashlib
import json
import re
import time

import run_documents
from mending import existing, wrap


class Refused(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Document:
    """Its versions, the first being 1. `default` is the one that runs unless another is asked for."""

    def __init__(self, name: str, content: str):
        self.name, self.versions, self.default = name, [], 1
        self.add(content)

    def add(self, content: str) -> None:
        if len(content.encode()) > run_documents.SIZE:
            raise Refused("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
        try:
            parsed = run_documents.parse(content)
        except run_documents.InvalidDocument as invalid:
            raise Refused("InvalidDocumentContent", str(invalid)) from None
        digest = hashlib.sha256(content.encode()).hexdigest()
        if self.versions and self.versions[-1]["hash"] == digest:
            raise Refused("DuplicateDocumentContent", "The content of the document matches another version.")
        self.versions.append({"content": content, "parsed": parsed, "hash": digest, "made": time.time()})

    def number(self, asked: str | None) -> int:
        if asked in (None, "", "$DEFAULT"):
            return self.default
        if asked == "$LATEST":
            return len(self.versions)
        if not asked.isdigit() or not 1 <= int(asked) <= len(self.versions):
            raise Refused("InvalidDocumentVersion", f"The document version {asked} is not valid or does not exist.")
        return int(asked)

    def described(self, number: int) -> dict:
        version = self.versions[number - 1]
        return {
            "Name": self.name,
            **{"Hash": version["hash"], "HashType": "Sha256", "CreatedDate": version["made"], "Status": "Active"},
            **{"DocumentVersion": str(number), "DocumentType": "Command", "DocumentFormat": "JSON", "SchemaVersion": "2.2"},
            **{"LatestVersion": str(len(self.versions)), "DefaultVersion": str(self.default), "PlatformTypes": ["Linux"]},
            "Description": version["parsed"].get("description", ""),
            "Parameters": [
                {
                    **{"Name": name, "Type": parameter["type"], "Description": parameter.get("description", "")},
                    **({"DefaultValue": parameter["default"]} if "default" in parameter else {}),
                }
                for name, parameter in version["parsed"].get("parameters", {}).items()
            ],
        }


documents: dict[tuple, dict[str, Document]] = {}


def ours() -> dict[str, Document]:
    """Documents of the account and region that is asked."""
    from ministack.core.responses import get_account_id, get_region

    return documents.setdefault((get_account_id(), get_region()), {})


def find(name_or_arn: str) -> Document:
    name = name_or_arn.rsplit("/", 1)[-1]
    if name not in ours():
        raise Refused("InvalidDocument", f"Document with name {name} does not exist.")
    return ours()[name]


def create(data: dict) -> dict:
    name = data.get("Name", "")
    if not re.fullmatch(r"[a-zA-Z0-9_\-.]{3,128}", name) or re.match(r"(?i)aws|amazon|amzn", name):
        raise Refused("ValidationException", f"Invalid document name: {name}")
    if data.get("DocumentFormat", "JSON") != "JSON":
        raise Refused("InvalidDocumentContent", "Only documents in JSON are emulated")
    if name in ours():
        raise Refused("DocumentAlreadyExists", f"Document {name} already exists")
    ours()[name] = Document(name, data.get("Content", ""))
    return {"DocumentDescription": ours()[name].described(1)}


def update(data: dict) -> dict:
    document = find(data.get("Name", ""))
    if document.number(data.get("DocumentVersion")) != len(document.versions):
        raise Refused("InvalidDocumentVersion", "Only the latest version of a document can be updated.")
    document.add(data.get("Content", ""))
    return {"DocumentDescription": document.described(len(document.versions))}


def set_default(data: dict) -> dict:
    document = find(data.get("Name", ""))
    document.default = document.number(data.get("DocumentVersion"))
    return {"Description": {"Name": document.name, "DefaultVersion": str(document.default)}}


def describe(data: dict) -> dict:
    document = find(data.get("Name", ""))
    return {"Document": document.described(document.number(data.get("DocumentVersion")))}


def get(data: dict) -> dict:
    document = find(data.get("Name", ""))
    described = document.described(number := document.number(data.get("DocumentVersion")))
    shown = ("Name", "CreatedDate", "DocumentVersion", "Status", "DocumentType", "DocumentFormat")
    return {**{key: described[key] for key in shown}, "Content": document.versions[number - 1]["content"]}


def list_all(data: dict) -> dict:
    names = sorted(ours())
    for rule in data.get("Filters") or []:
        if rule.get("Key") == "Name":
            names = [name for name in names if name.startswith(tuple(rule.get("Values") or []))]
        elif not (rule.get("Key") == "Owner" and rule.get("Values") == ["Self"]):
            raise Refused("InvalidFilterKey", f"The filter {rule.get('Key')} is not emulated")
    start, size = int(data.get("NextToken") or 0), int(data.get("MaxResults") or 50)
    shown = [ours()[name].described(ours()[name].default) for name in names[start : start + size]]
    return {
        "DocumentIdentifiers": [{**one, "Owner": "self"} for one in shown],
        **({"NextToken": str(start + size)} if start + size < len(names) else {}),
    }


def delete(data: dict) -> dict:
    ours().pop(find(data.get("Name", "")).name)
    return {}


ACTIONS = {
    "CreateDocument": create,
    "UpdateDocument": update,
    "UpdateDocumentDefaultVersion": set_default,
    "DescribeDocument": describe,
    "GetDocument": get,
    "ListDocuments": list_all,
    "DeleteDocument": delete,
}


def mend() -> None:
    from ministack.core import iam_actions
    from ministack.services import ssm
    from ministack.services.cloudformation import provisioners

    def is_ours(action: str, data: dict) -> bool:
        """Change calendars are documents too, of another mend."""
        if action == "CreateDocument":
            return data.get("DocumentType", "Command") == "Command"
        return action != "DeleteDocument" or data.get("Name", "").rsplit("/", 1)[-1] in ours()

    @wrap(ssm, "handle_request")
    async def handle_request(original, method, path, headers, body, query_params):
        action = headers.get("x-amz-target", "").split(".")[-1]
        data = json.loads(body or b"{}") if action in ACTIONS else {}
        if action not in ACTIONS or not is_ours(action, data):
            return await original(method, path, headers, body, query_params)
        try:
            return ssm.json_response(ACTIONS[action](data))
        except Refused as refused:
            return ssm.error_response_json(refused.code, str(refused), 400)

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(original, service, method, path, headers, body, query_params, region, account):
        if service == "ssm" and headers.get("x-amz-target", "").split(".")[-1] in ACTIONS:
            name = json.loads(body or b"{}").get("Name", "*")
            return name if name.startswith("arn:") else f"arn:aws:ssm:{region}:{account}:document/{name}"
        return original(service, method, path, headers, body, query_params, region, account)

    def content_of(props: dict) -> dict:
        content = props.get("Content")
        text = content if isinstance(content, str) else json.dumps(content)
        return {"Name": props["Name"], "Content": text, "DocumentFormat": props.get("DocumentFormat", "JSON")}

    def cfn_create(_logical_id, props, _stack_name):
        if props.get("DocumentType", "Command") != "Command":
            raise ValueError("Only documents of the type Command are emulated")
        create(content_of(props))
        return props["Name"], {}

    def cfn_update(physical_id, _old_props, props, _stack_name):
        if props.get("UpdateMethod") != "NewVersion":
            raise ValueError(f"The document {physical_id} has a name of its own and cannot be replaced")
        try:
            update(content_of(props))
        except Refused as refused:
            if refused.code != "DuplicateDocumentContent":
                raise
        set_default({"Name": physical_id, "DocumentVersion": "$LATEST"})
        return physical_id, {}

    def cfn_delete(physical_id, _props):
        ours().pop(physical_id, None)

    handlers = existing(provisioners, "_RESOURCE_HANDLERS")
    handlers["AWS::SSM::Document"] = {"create": cfn_create, "update": cfn_update, "delete": cfn_delete}
