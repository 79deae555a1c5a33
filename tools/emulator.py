"""Runs MiniStack, the AWS emulator of the tests, with three of its gaps closed.

It stops at a task count that comes in as a string, as every parameter does, and does not know the types of
Application Auto Scaling, nor a security group's rule by itself: these exist here without an effect. The subnets of a
store need not have been made there first, as those of everything else need not. Its settings are environment
variables: BIND_HOST, GATEWAY_PORT, MINISTACK_REGION.
"""

from ministack.app import main
from ministack.services import elasticache
from ministack.services.cloudformation import provisioners

handlers = provisioners._RESOURCE_HANDLERS


def counted(props):
    return {**props, "DesiredCount": int(props["DesiredCount"])} if "DesiredCount" in props else props


service = handlers["AWS::ECS::Service"]
create, update = service["create"], service["update"]
service["create"] = lambda logical_id, props, stack: create(logical_id, counted(props), stack)
service["update"] = lambda id, old, new, stack: update(id, counted(old), counted(new), stack)

for kind in (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::EC2::SecurityGroupIngress",
):
    handlers.setdefault(
        kind,
        {
            "create": lambda logical_id, props, stack: (f"{stack}-{logical_id}", {}),
            "update": lambda id, old, new, stack: (id, {}),
            "delete": lambda id, props: None,
        },
    )


def any_subnets(query):
    ids = elasticache._extract_configs(query, "SubnetIds", ("SubnetIdentifier", "member"))
    zones = [{"Name": elasticache.get_region() + zone} for zone in "abc"]
    return [{"SubnetIdentifier": id, "SubnetAvailabilityZone": zones[i % 3]} for i, id in enumerate(ids)], "vpc-any"


elasticache._resolve_subnets = any_subnets

main()
