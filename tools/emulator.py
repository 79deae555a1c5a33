"""Runs MiniStack, the AWS emulator of the tests, with some of its gaps closed.

It takes numbers only as numbers, while every parameter of a template is a text, which CloudFormation turns into what a
property is; it hands back a container's limits, secrets and registry credentials as a template writes them, forgets a
service's grace period and rebalancing, and puts punctuation into a secret that should have none. Types of Application
Auto Scaling exist here without an effect, and a security group's rule by itself is added to its group. A change set says nothing of what a
condition leaves out and may change outputs alone; one that reverts drift compares a load balancer's live attributes, as
AWS does with everything. It has the network, certificates and image that the shipped environments name, and a hosted zone for them, where MINISTACK_ACCOUNT_ID is their account, and the quotas of a new account. Its settings are environment variables:
BIND_HOST, GATEWAY_PORT, MINISTACK_REGION, and EMULATOR_QUOTAS=full for an account that has reached its quotas.
"""

import json
import os
import string

from ministack.app import SERVICE_HANDLERS, main
from ministack.core import router
from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import acm, alb, cloudformation, ec2, ecr, ecs, elasticache, route53
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
    nested = ("Ulimits", "Secrets", "RepositoryCredentials")
    for container in props.get("ContainerDefinitions", []):
        container.update({name: provisioners._pascal_to_camel(container[name]) for name in nested if name in container})
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
        "AWS::Logs::LogGroup": {"LogGroupName"},
        "AWS::Logs::MetricFilter": {"FilterName", "LogGroupName"},
        "AWS::Route53::RecordSet": {"HostedZoneId", "HostedZoneName", "Name"},
        "AWS::SecretsManager::Secret": {"Name"},
    }
)
wrap("AWS::ECS::Service", typed, remember)
wrap("AWS::ECS::TaskDefinition", task, lambda arn, props: arn)
wrap("AWS::SecretsManager::Secret", secret, lambda arn, props: arn)

for kind in (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
):
    handlers.setdefault(
        kind,
        {
            "create": lambda logical_id, props, stack: (f"{stack}-{logical_id}", {}),
            "update": lambda id, old, new, stack: (id, {}),
            "delete": lambda id, props: None,
        },
    )


def ingress(logical_id, props, stack):
    group = ec2._security_groups.get(props.get("GroupId"))
    if group:
        group["IpPermissions"].extend(provisioners._ec2_sg_permissions([props]))
    return f"{stack}-{logical_id}", {}


def no_ingress(id, props):
    group = ec2._security_groups.get(props.get("GroupId"))
    for rule in provisioners._ec2_sg_permissions([props]) if group else []:
        if rule in group["IpPermissions"]:
            group["IpPermissions"].remove(rule)


handlers.setdefault(
    "AWS::EC2::SecurityGroupIngress",
    {"create": ingress, "update": lambda id, old, new, stack: (id, {}), "delete": no_ingress},
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

# AWS's schema replaces no group for its number of shards; it moves their slots, with the update policy that the
# emulator cannot see, or refuses what is no cluster.
GROUP = "AWS::ElastiCache::ReplicationGroup"
provisioners._CONDITIONALLY_REPLACING_PROPERTIES[GROUP] = ("AuthToken", "NodeGroupConfiguration")
replaces_group, update_group = provisioners._ec_rg_requires_replacement, provisioners._ec_rg_update


def shards(properties):
    return int(properties.get("NumNodeGroups") or 1)


def reshard(id, old, new, *rest, **more):
    if (shards(old) > 1) != (shards(new) > 1):
        raise ValueError("Operation is only applicable for cluster mode enabled replication groups.")
    return update_group(id, old, new, *rest, **more)


provisioners._ec_rg_requires_replacement = lambda old, new: replaces_group(old, {**new, "NumNodeGroups": shards(old)})
handlers[GROUP]["update"] = reshard


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


def conditional(resolve):
    """What a change set compares, without the resources whose condition is false."""

    def resolved(template, params, *rest):
        found = resolve(template, params, *rest)
        if found:
            holds = changesets._evaluate_conditions(template, params)
            resources = found["Resources"].items()
            found["Resources"] = {name: one for name, one in resources if holds.get(one.get("Condition"), True)}
        return found

    return resolved


def of_outputs(create):
    """A change of outputs alone is one, as on AWS."""

    def created(params):
        answer = create(params)
        change_set = (list(cloudformation._change_sets.values()) or [{}])[-1]
        if "didn't contain changes" in change_set.get("StatusReason", ""):
            old = cloudformation._stacks[change_set["StackName"]].get("_resolved_params", {})
            new = change_set["_resolved_params"].items()
            changed = [name for name, value in new if old.get(name, {}).get("Value") != value.get("Value")]
            outputs = json.dumps(change_set["_template"].get("Outputs", {}))
            if any(f'"{name}"' in outputs or f"${{{name}}}" in outputs for name in changed):
                change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")
        return answer

    return created


changesets._resolve_props_for_diff = conditional(changesets._resolve_props_for_diff)
create_change_set = reverting(changesets._create_change_set, changesets._diff_resources)
calls._ACTION_HANDLERS["CreateChangeSet"] = of_outputs(create_change_set)

# What a new account may have; FULL gives it no more load balancers and half a virtual CPU.
FULL = os.environ.get("EMULATOR_QUOTAS") == "full"


async def service_quotas(method, path, headers, body, query_params):
    return json_response({"Quota": {**json.loads(body), "Value": 0.25 if FULL else 6.0}})


def account_limits(params):
    names = {"application-load-balancers": 0 if FULL else 50, "target-groups": 3000}
    members = "".join(f"<member><Name>{name}</Name><Max>{most}</Max></member>" for name, most in names.items())
    return alb._xml(200, "DescribeAccountLimits", f"<Limits>{members}</Limits>")


SERVICE_HANDLERS["servicequotas"] = service_quotas
router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": ["ServiceQuotas"], "host_patterns": []}
alb._ACTION_MAP["DescribeAccountLimits"] = account_limits


def network(vpc, subnets):
    """A VPC: two public subnets first, then two whose way out is a NAT gateway."""
    ec2._vpcs[vpc] = {**ec2._vpcs[ec2._DEFAULT_VPC_ID], "VpcId": vpc, "IsDefault": False}
    for i, subnet in enumerate(subnets):
        ec2._subnets[subnet] = {
            **ec2._subnets[ec2._DEFAULT_SUBNET_ID],
            "SubnetId": subnet,
            "VpcId": vpc,
            "AvailabilityZone": get_region() + "ab"[i % 2],
        }
    for name, target in (("public", {"GatewayId": "igw-1"}), ("private", {"NatGatewayId": "nat-1"})):
        table = f"rtb-{vpc[4:]}-{name}"
        ec2._route_tables[table] = {
            "RouteTableId": table,
            "VpcId": vpc,
            "OwnerId": get_account_id(),
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "State": "active", "Origin": "CreateRoute", **target}],
            "Associations": [
                {"RouteTableAssociationId": f"rtbassoc-{subnet[7:]}", "RouteTableId": table, "SubnetId": subnet}
                for subnet in (subnets[:2] if name == "public" else subnets[2:])
            ],
        }


def certificate(number, domain):
    arn = f"arn:aws:acm:{get_region()}:{get_account_id()}:certificate/6f1c0f1e-0000-4000-8000-{number:012}"
    acm._request_certificate({"DomainName": domain})
    made = next(reversed(list(acm._certificates.values())))
    acm._certificates[arn] = {**made, "CertificateArn": arn}


network("vpc-0a1b2c3d4e5f60718", [f"subnet-0a1b2c3d4e5f6071{n}" for n in range(1, 5)])
network("vpc-0f1e2d3c4b5a69788", [f"subnet-0f1e2d3c4b5a6978{n}" for n in range(1, 5)])
certificate(1, "drops.staging.example.com")
certificate(2, "drops.example.com")
zone = {"id": "Z0123456789EXAMPLE", "name": "example.com.", "caller_reference": "", "comment": "", "private": False}
route53._zones[zone["id"]] = {**zone, "vpcs": []}
route53._records[zone["id"]] = route53._default_records(zone["name"])
ecr._create_repository({"repositoryName": "drops"})
platforms = [{"platform": {"os": "linux", "architecture": "amd64"}}]
ecr._put_image({"repositoryName": "drops", "imageTag": "1.4.2", "imageManifest": json.dumps({"manifests": platforms})})

main()
