"""Rules of security groups can be resources of their own.

AWS::EC2::SecurityGroupIngress and AWS::EC2::SecurityGroupEgress add one rule to a group ("AWS CloudFormation Template
Reference"). The CDK writes them wherever two groups name each other.

The emulator's CloudFormation refuses a template that has them.
"""

from mending import Unmendable, existing


def mend() -> None:
    from ministack.core.responses import new_uuid
    from ministack.services import ec2
    from ministack.services.cloudformation import provisioners

    handlers = existing(provisioners, "_RESOURCE_HANDLERS")
    permissions = existing(provisioners, "_ec2_sg_permissions")

    def rules(props, field: str) -> list:
        group = ec2._security_groups.get(props.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{props.get('GroupId')}' does not exist")
        return group.setdefault(field, [])

    def handler(field: str) -> dict:
        def create(_logical_id, props, _stack_name):
            rules(props, field).extend(permissions([props]))
            physical_id = f"sgr-{new_uuid().replace('-', '')[:17]}"
            return physical_id, {"Id": physical_id}

        def delete(_physical_id, props):
            if props.get("GroupId") in ec2._security_groups:
                present = rules(props, field)
                present[:] = [rule for rule in present if rule not in permissions([props])]

        def update(physical_id, old_props, new_props, stack_name):
            delete(physical_id, old_props)
            return create(physical_id, new_props, stack_name)

        return {"create": create, "update": update, "delete": delete}

    for kind, field in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        name = f"AWS::EC2::SecurityGroup{kind}"
        if name in handlers:
            raise Unmendable(f"CloudFormation knows {name} by itself now")
        handlers[name] = handler(field)
