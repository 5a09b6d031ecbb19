"""Rights on a volume or a snapshot may depend on its tags.

CreateSnapshot on a volume and DeleteSnapshot on a snapshot know aws:ResourceTag/<key> of that resource ("Actions,
resources, and condition keys for Amazon EC2", Service Authorization Reference).

The emulator has no tags of resources when it asks IAM, so a role that may touch only what bears a tag may touch nothing.
"""

from mending import existing, wrap


def mend() -> None:
    from ministack.core import iam_actions
    from ministack.services import ec2

    tags = existing(ec2, "_tags")

    @wrap(iam_actions, "request_tag_context")
    def request_tag_context(original, service, iam_action, body, params):
        context = original(service, iam_action, body, params)
        resource = named(params) if service == "ec2" else None
        of_resource = {f"aws:resourcetag/{tag['Key']}".lower(): tag["Value"] for tag in tags.get(resource, [])}
        return {**context, **of_resource}


def named(params: dict) -> str | None:
    for field in ("VolumeId", "SnapshotId"):
        value = params.get(field)
        if value:
            return value[0] if isinstance(value, list) else value
    return None
