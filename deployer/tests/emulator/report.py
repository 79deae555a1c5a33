"""Applies templates to an AWS emulator and prints what it then reports, as JSON.

Reads a list of {"name", "source", "parameters", "rendered"} from stdin. Each is applied twice, in an emulator without
anything else: as its author wrote it, with parameters, so that the emulator resolves it; and as we rendered it.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import botocore.session

REGION = "eu-west-1"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def client(name):
    return SESSION.create_client(name, endpoint_url=ENDPOINT)


def wait_until_up(process):
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            return urllib.request.urlopen(f"{ENDPOINT}/_ministack/health", timeout=5).read()
        except OSError:
            time.sleep(0.05)
    sys.exit("the emulator did not come up")


def apply(template, parameters):
    """The stack's status and resources, and what every service says of them."""
    urllib.request.urlopen(urllib.request.Request(f"{ENDPOINT}/_ministack/reset", method="POST")).read()
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="case", TemplateBody=template, Parameters=given, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    end = time.monotonic() + 30
    while True:
        stack = cloudformation.describe_stacks(StackName="case")["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > end:
            break
        time.sleep(0.05)
    resources = cloudformation.list_stack_resources(StackName="case")["StackResourceSummaries"]
    report = {
        "status": stack["StackStatus"],
        "reason": stack.get("StackStatusReason"),
        "outputs": {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        "resources": {resource["LogicalResourceId"]: resource["ResourceType"] for resource in resources},
    }
    report.update({"parameters": parameters_of_ssm(), **balancing(), **tasks(), "logs": logs()})
    return unique_parts_removed(report)


def parameters_of_ssm():
    ssm = client("ssm")
    names = [parameter["Name"] for parameter in ssm.describe_parameters()["Parameters"]]
    return {name: ssm.get_parameter(Name=name)["Parameter"]["Value"] for name in names}


def balancing():
    elb = client("elbv2")
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    groups = elb.describe_target_groups()["TargetGroups"]
    attributes = lambda list: {attribute["Key"]: attribute["Value"] for attribute in list}
    return {
        "balancers": {
            balancer["LoadBalancerName"]: attributes(
                elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
            )
            for balancer in balancers
        },
        "groups": {
            group["TargetGroupName"]: {
                "group": {key: group[key] for key in sorted(group) if not key.endswith(("Arn", "Arns", "Name"))},
                "attributes": attributes(
                    elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
                ),
            }
            for group in groups
        },
        "listeners": [
            {key: listener.get(key) for key in ("Port", "Protocol", "SslPolicy", "DefaultActions")}
            for balancer in balancers
            for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        ],
    }


def tasks():
    ecs = client("ecs")
    definitions = ecs.list_task_definitions()["taskDefinitionArns"]
    describe = lambda arn: ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    keys = ("family", "cpu", "memory", "networkMode", "requiresCompatibilities", "containerDefinitions")
    services = {}
    for cluster in ecs.list_clusters()["clusterArns"]:
        for service in ecs.list_services(cluster=cluster)["serviceArns"]:
            found = ecs.describe_services(cluster=cluster, services=[service])["services"][0]
            kept = ("desiredCount", "launchType", "deploymentConfiguration", "networkConfiguration", "loadBalancers")
            services[found["serviceName"]] = {key: found.get(key) for key in kept}
    return {"tasks": [{key: describe(arn).get(key) for key in keys} for arn in definitions], "services": services}


def logs():
    groups = client("logs").describe_log_groups()["logGroups"]
    return {group["logGroupName"]: group.get("retentionInDays") for group in groups}


def unique_parts_removed(report):
    """The report without what the emulator makes up anew each time. CloudFormation passes every value as a string,
    so numbers and truth values are strings here too."""
    if isinstance(report, dict):
        return {key: unique_parts_removed(value) for key, value in report.items()}
    if isinstance(report, list):
        return [unique_parts_removed(item) for item in report]
    if isinstance(report, bool):
        return str(report).lower()
    if report is None:
        return None
    text = re.sub(r"((?:loadbalancer/app|targetgroup)/[^/]+)/[a-z0-9]{16}", r"\1/ID", str(report))
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"-[a-z0-9]{8}(\.[a-z0-9-]+\.elb\.)", r"-ID\1", text)
    return re.sub(r"\bsg-[0-9a-f]{17}\b", "sg-ID", text)


PORT = free_port()
ENDPOINT = f"http://127.0.0.1:{PORT}"
SESSION = botocore.session.Session()
SESSION.set_credentials("test", "test")
SESSION.set_config_variable("region", REGION)

environment = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(PORT), "MINISTACK_REGION": REGION}
emulator = subprocess.Popen(
    [sys.executable, sys.argv[1]], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
try:
    wait_until_up(emulator)
    reports = [
        {
            "name": case["name"],
            "source": apply(case["source"], case["parameters"]),
            "rendered": apply(case["rendered"], {}),
        }
        for case in json.load(sys.stdin)
    ]
finally:
    emulator.kill()
    emulator.wait()
json.dump(reports, sys.stdout)
