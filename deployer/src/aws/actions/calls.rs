//! What the deployer calls itself. A test reads the source of the modules around this one and fails
//! for a call that is not here, and for one that is here in vain.

use super::Grant;

const STACK: &str = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${Prefix}-${Name}-${Environment}/*";
const CLUSTER: &str = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Prefix}-${Name}-${Environment}";

/// The deployer's own calls.
pub static CALLS: &[Grant] = &[
    Grant {
        sid: "Stack",
        why: "plan, apply, watch, roll back and remove the stack, and read what it is",
        actions: &[
            "cloudformation:CancelUpdateStack",
            "cloudformation:ContinueUpdateRollback",
            "cloudformation:CreateChangeSet",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeEvents",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetTemplate",
            "cloudformation:ListChangeSets",
            "cloudformation:ListStackResources",
            "cloudformation:TagResource", // a change set with tags
            "cloudformation:UntagResource",
            "cloudformation:UpdateTerminationProtection",
        ],
        on: &[STACK],
        only_if: None,
    },
    Grant {
        sid: "Service",
        why: "see the service's deployments and tasks, and replace its tasks by fresh ones",
        actions: &[
            "ecs:DescribeServices",
            "ecs:DescribeTasks",
            "ecs:UpdateService",
        ],
        on: &[
            "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:service/${Prefix}-${Name}-${Environment}/*",
            "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Prefix}-${Name}-${Environment}/*",
        ],
        only_if: None,
    },
    Grant {
        sid: "Tasks",
        why: "find the service's tasks, those that stopped too",
        actions: &["ecs:ListTasks"],
        on: &["*"],
        only_if: Some(("ArnEquals", "ecs:cluster", &[CLUSTER])),
    },
    Grant {
        sid: "Read",
        why: "read the task definition, the load balancer, the health of its targets, the alarms \
              that ring, and what scales the service; AWS limits none of these to a resource",
        actions: &[
            "application-autoscaling:DescribeScalableTargets",
            "cloudwatch:DescribeAlarms",
            "ecs:DescribeTaskDefinition",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
        on: &["*"],
        only_if: None,
    },
    Grant {
        sid: "Preflight",
        why: "look before a deployment at certificate, network, hosted zone and quotas; without \
              these, it says what it did not look at",
        actions: &[
            "acm:DescribeCertificate",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeAccountLimits",
            "route53:GetHostedZone",
            "servicequotas:GetServiceQuota",
        ],
        on: &["*"],
        only_if: None,
    },
    Grant {
        sid: "Front",
        why: "read for `check --live` the web ACL of the load balancer, the CloudFront \
              distributions that may be before it, and the security groups on the way",
        actions: &[
            "cloudfront:ListDistributions",
            "ec2:DescribeSecurityGroups",
            "wafv2:GetWebACL",
            "wafv2:GetWebACLForResource",
        ],
        on: &["*"],
        only_if: None,
    },
    Grant {
        sid: "PreflightImage",
        why: "look whether the image is there, for the tasks' processor",
        actions: &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        on: &["arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*"],
        only_if: None,
    },
    Grant {
        sid: "Protection",
        why: "switch the load balancer's deletion protection",
        actions: &["elasticloadbalancing:ModifyLoadBalancerAttributes"],
        on: &[
            "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:loadbalancer/app/${Prefix}-${Name}-${Environment}-??????/*",
        ],
        only_if: None,
    },
    Grant {
        sid: "Logs",
        why: "show what the server wrote, also of a task that did not start",
        actions: &[
            "logs:DescribeLogStreams",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
        ],
        on: &[
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/${Prefix}/${Name}/${Environment}:*",
        ],
        only_if: None,
    },
    Grant {
        sid: "BackendKeys",
        why: "issue the key with which the deployment is probed, by the stack's own backend key, \
              and rotate backend keys",
        actions: &[
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
        ],
        on: &[
            "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Prefix}-${Name}-${Environment}/*",
        ],
        only_if: None,
    },
    Grant {
        sid: "Identity",
        why: "say who deploys; AWS allows it to everyone",
        actions: &["sts:GetCallerIdentity"],
        on: &["*"],
        only_if: None,
    },
];
