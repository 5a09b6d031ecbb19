"""What a template says about a resource is what the resource's API answers.

The emulator's CloudFormation drops these silently, so that a test of what is deployed finds less than was declared, or
passes on something that AWS would enforce:

- AWS::S3::Bucket: Tags (the CDK's emptying of buckets looks for its tag), BucketEncryption, LifecycleConfiguration,
  ObjectLockConfiguration with its default retention
- AWS::DynamoDB::Table and GlobalTable: TimeToLiveSpecification, point-in-time recovery, SSESpecification
- AWS::Lambda::Function: ReservedConcurrentExecutions (which throttles), DeadLetterConfig, VpcConfig
- AWS::SNS::Topic: KmsMasterKeyId
- AWS::StepFunctions::StateMachine: LoggingConfiguration in the API's spelling, TracingConfiguration

AWS applies them all ("AWS CloudFormation Template Reference", the page of each type).
"""

import functools
from xml.etree.ElementTree import Element, SubElement, tostring

from mending import Unmendable, existing


def mend() -> None:
    from ministack.services import dynamodb, lambda_svc, s3, sns, stepfunctions
    from ministack.services.cloudformation import provisioners

    handlers = existing(provisioners, "_RESOURCE_HANDLERS")

    def after(kind: str):
        """Decorator: calls the function with a resource's id and properties after it was created or updated."""

        def decorate(apply):
            for step, position in (("create", 1), ("update", 2)):
                if step not in handlers.get(kind, {}):
                    raise Unmendable(f"CloudFormation has no {step} for {kind}")
                handlers[kind][step] = followed(handlers[kind][step], position, apply)
            return apply

        return decorate

    @after("AWS::S3::Bucket")
    def bucket(name, props):
        for prop, put, root, made in (
            ("Tags", s3._put_bucket_tagging, "Tagging", lambda tags: {"TagSet": {"Tag": tags}}),
            ("BucketEncryption", s3._put_bucket_encryption, "ServerSideEncryptionConfiguration", encryption),
            ("LifecycleConfiguration", s3._put_bucket_lifecycle, "LifecycleConfiguration", lifecycle),
            ("ObjectLockConfiguration", s3._put_object_lock_configuration, "ObjectLockConfiguration", dict),
        ):
            if props.get(prop):
                accepted(put(name, xml(root, made(props[prop]))))

    @after("AWS::DynamoDB::Table")
    def table(name, props):
        if time_to_live := props.get("TimeToLiveSpecification"):
            accepted(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": time_to_live}))
        if recovery := props.get("PointInTimeRecoverySpecification"):
            request = {"TableName": name, "PointInTimeRecoverySpecification": recovery}
            accepted(dynamodb._update_continuous_backups(request))
        if encrypted := props.get("SSESpecification"):
            specification = {"Enabled": encrypted.get("SSEEnabled"), **encrypted}
            dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(specification)

    @after("AWS::DynamoDB::GlobalTable")
    def global_table(name, props):
        here = next(replica for replica in props["Replicas"] if replica["Region"] == provisioners.get_region())
        recovery = here.get("PointInTimeRecoverySpecification")
        encrypted = {**(props.get("SSESpecification") or {}), **(here.get("SSESpecification") or {})}
        table(name, {**props, "PointInTimeRecoverySpecification": recovery, "SSESpecification": encrypted})

    @after("AWS::Lambda::Function")
    def function(name, props):
        record = lambda_svc._functions[name]
        reserved = props.get("ReservedConcurrentExecutions")
        record["concurrency"] = None if reserved is None else int(reserved)
        record["config"]["DeadLetterConfig"] = props.get("DeadLetterConfig") or {}
        if network := props.get("VpcConfig"):
            groups = {"SubnetIds": [], "SecurityGroupIds": [], **network}
            record["config"]["VpcConfig"] = {**groups, "VpcId": "vpc-00000000", "Ipv6AllowedForDualStack": False}

    @after("AWS::SNS::Topic")
    def topic(arn, props):
        sns._topics[arn]["attributes"]["KmsMasterKeyId"] = props.get("KmsMasterKeyId", "")

    @after("AWS::StepFunctions::StateMachine")
    def machine(arn, props):
        record = stepfunctions._state_machines[arn]
        if logging := props.get("LoggingConfiguration"):
            record["loggingConfiguration"] = camel(logging)
        record["tracingConfiguration"] = {"enabled": bool((props.get("TracingConfiguration") or {}).get("Enabled"))}


def followed(handler, position: int, apply):
    @functools.wraps(handler)  # the engine looks at a handler's parameters
    def handle(*args, **kwargs):
        result = handler(*args, **kwargs)
        apply(result[0], args[position])
        return result

    return handle


def accepted(response) -> None:
    """CloudFormation fails a resource whose API refuses a property."""
    if response[0] >= 400:
        raise ValueError(str(response[2]))


def encryption(configuration: dict) -> dict:
    rules = []
    for rule in configuration["ServerSideEncryptionConfiguration"]:
        by_default = rule.get("ServerSideEncryptionByDefault", {})
        rules.append(
            {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": rule.get("BucketKeyEnabled")}
        )
    return {"Rule": rules}


def lifecycle(configuration: dict) -> dict:
    return {"Rule": [lifecycle_rule(rule) for rule in configuration["Rules"]]}


def lifecycle_rule(rule: dict) -> dict:
    old = rule.get("NoncurrentVersionExpiration") or {"NoncurrentDays": rule.get("NoncurrentVersionExpirationInDays")}
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "Date": rule.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    return {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Expiration": expiration,
        "NoncurrentVersionExpiration": old,
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
        "Transition": [
            {
                "Days": move.get("TransitionInDays"),
                "Date": move.get("TransitionDate"),
                "StorageClass": move["StorageClass"],
            }
            for move in rule.get("Transitions", [])
        ],
    }


def xml(name: str, value: dict) -> bytes:
    root = Element(name)
    fill(root, value)
    return tostring(root)


def fill(parent: Element, value) -> None:
    """A dict as elements, a list as elements of one name; what is None or holds nothing is left out."""
    for key, part in value.items():
        for item in part if isinstance(part, list) else [part]:
            if item is None or item == {} or (isinstance(item, dict) and all(leaf is None for leaf in item.values())):
                continue
            element = SubElement(parent, key)
            if isinstance(item, dict):
                fill(element, item)
            else:
                element.text = str(item).lower() if isinstance(item, bool) else str(item)


def camel(value):
    """LogGroupArn and the like as the API spells them: logGroupArn."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: camel(part) for key, part in value.items()}
    return [camel(part) for part in value] if isinstance(value, list) else value
