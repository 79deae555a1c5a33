"""Runs MiniStack, the AWS emulator of the tests, with some of its gaps closed.

It takes numbers only as numbers, while every parameter of a template is a text, which CloudFormation turns into what a
property is; it hands back a container's limits and secrets as a template writes them, forgets a service's grace period
and rebalancing, and puts punctuation into a secret that should have none. Types of Application Auto Scaling, and a
security group's rule by itself, exist here without an effect. A change set that reverts drift compares a load balancer's
live attributes, as AWS does with everything. Its settings are environment variables: BIND_HOST,
GATEWAY_PORT, MINISTACK_REGION.
"""

import string

from ministack.app import main
from ministack.services import alb, ecs, elasticache
from ministack.services.cloudformation import changesets, provisioners
from ministack.services.cloudformation import handlers as calls

handlers = provisioners._RESOURCE_HANDLERS
# Properties that ECS has as text, whatever they look like.
TEXTS = {"Value", "Cpu", "Memory", "connections-per-task"}


def typed(value, key=""):
    """Numbers as numbers, and as texts where ECS has them as such."""
    if isinstance(value, dict):
        return {name: typed(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [typed(item, key) for item in value]
    if key in TEXTS:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def task(props):
    props = typed(props)
    lists = ("Ulimits", "Secrets")
    for container in props.get("ContainerDefinitions", []):
        container.update({name: provisioners._pascal_to_camel(container[name]) for name in lists if name in container})
    return props


def secret(props):
    generated = props.get("GenerateSecretString", {})
    if generated.get("ExcludePunctuation"):
        return {**props, "GenerateSecretString": {**generated, "ExcludeCharacters": string.punctuation}}
    return props


def remember(arn, props):
    for service in ecs._services.values():
        if service["serviceArn"] == arn:
            service["healthCheckGracePeriodSeconds"] = props.get("HealthCheckGracePeriodSeconds", 0)
            service["availabilityZoneRebalancing"] = props.get("AvailabilityZoneRebalancing", "ENABLED")
    return arn


def wrap(kind, read, done):
    handler = handlers[kind]
    create, update = handler["create"], handler["update"]

    def created(logical_id, props, stack):
        arn, attributes = create(logical_id, read(props), stack)
        return done(arn, read(props)), attributes

    def updated(arn, old, new, *rest):
        arn, attributes = update(arn, read(old), read(new), *rest)
        return done(arn, read(new)), attributes

    handler.update(create=created, update=updated)


# What replaces a resource, for change sets; of types that it does not know the emulator says "perhaps".
provisioners._REPLACING_PROPERTIES.update(
    {
        "AWS::CloudWatch::Alarm": {"AlarmName"},
        "AWS::ECS::Service": {"Cluster", "LaunchType", "Role", "SchedulingStrategy", "ServiceName"},
        "AWS::Route53::RecordSet": {"HostedZoneId", "HostedZoneName", "Name"},
    }
)
wrap("AWS::ECS::Service", typed, remember)
wrap("AWS::ECS::TaskDefinition", task, lambda arn, props: arn)
wrap("AWS::SecretsManager::Secret", secret, lambda arn, props: arn)

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


def stubborn(id, old, new, *rest):
    """A resource that can be changed, and not changed back: how a roll-back fails."""
    if new.get("Back") == "refused":
        raise ValueError("it does not go back")
    return id, {}


handlers["Test::Stubborn::Resource"] = {
    "create": lambda logical_id, props, stack: (f"{stack}-{logical_id}", {}),
    "update": stubborn,
    "delete": lambda id, props: None,
}


def any_subnets(query):
    ids = elasticache._extract_configs(query, "SubnetIds", ("SubnetIdentifier", "member"))
    zones = [{"Name": elasticache.get_region() + zone} for zone in "abc"]
    return [{"SubnetIdentifier": id, "SubnetAvailabilityZone": zones[i % 3]} for i, id in enumerate(ids)], "vpc-any"


elasticache._resolve_subnets = any_subnets


def live(resource, physical_id):
    """The properties of a load balancer with the attributes that it has now."""
    has = {attribute["Key"]: attribute["Value"] for attribute in alb._lb_attrs.get(physical_id, [])}
    for attribute in resource["Properties"].get("LoadBalancerAttributes", []):
        attribute["Value"] = has.get(attribute["Key"], attribute["Value"])


def reverting(create, diff):
    """A change set from what is live, instead of from what the stack was last told."""

    def created(params):
        def differences(old, new, resources, *rest, **more):
            for name, resource in (resources or {}).items():
                if resource.get("ResourceType") == "AWS::ElasticLoadBalancingV2::LoadBalancer":
                    live(resource, resource["PhysicalResourceId"])
                    live(old["Resources"][name], resource["PhysicalResourceId"])
            return diff(old, new, resources, *rest, **more)

        reverts = changesets._p(params, "DeploymentMode") == "REVERT_DRIFT"
        changesets._diff_resources = differences if reverts else diff
        return create(params)

    return created


calls._ACTION_HANDLERS["CreateChangeSet"] = reverting(changesets._create_change_set, changesets._diff_resources)

main()
