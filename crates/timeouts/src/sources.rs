//! The documents that the rules cite.

use crate::rule::Source;

macro_rules! sources {
    ($($name:ident = $title:literal, $url:literal;)+) => {
        $(pub(crate) const $name: Source = Source { title: $title, url: $url };)+
    };
}

sources! {
    ALB_ATTRIBUTES = "Elastic Load Balancing API, \
                      LoadBalancerAttribute", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html";
    ACM_REGIONS = "AWS Certificate Manager, supported \
                   regions", "https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html";
    CREATE_LISTENER = "Elastic Load Balancing API, \
                       CreateListener", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html";
    ECS_EXPRESS = "Amazon ECS, updating an Express Mode \
                   service", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-update-full.html";
    ALB_IDLE = "Application Load Balancers, connection idle \
                timeout", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html";
    ALB_TROUBLE = "Application Load Balancers, troubleshooting (HTTP \
                   502)", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html";
    TARGET_ATTRIBUTES = "Elastic Load Balancing API, \
                         TargetGroupAttribute", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html";
    STICKY = "Application Load Balancers, sticky \
              sessions", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html";
    TARGET_GROUPS = "Application Load Balancers, target \
                     groups", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html";
    HEALTH = "Application Load Balancers, health \
              checks", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html";
    FORWARDED = "Application Load Balancers, X-Forwarded \
                 headers", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html";
    LISTENER_RULES = "Application Load Balancers, listener \
                      rules", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html";
    CREATE_TARGET_GROUP = "Elastic Load Balancing API, \
                           CreateTargetGroup", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html";
    CREATE_LOAD_BALANCER = "Elastic Load Balancing API, \
                            CreateLoadBalancer", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html";
    ECS_CONTAINER = "Amazon ECS API, \
                     ContainerDefinition", "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html";
    ECS_DEPLOYMENT = "Amazon ECS API, \
                      DeploymentConfiguration", "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html";
    ECS_SERVICE = "Amazon ECS API, \
                   CreateService", "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html";
    ECS_DRAINING = "Amazon ECS, optimize load balancer connection \
                    draining", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html";
    ECS_BREAKER = "Amazon ECS, deployment circuit \
                   breaker", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html";
    ECS_BREAKER_THRESHOLD = "Amazon ECS API, \
                             ThresholdConfiguration", "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ThresholdConfiguration.html";
    ECS_ALARMS = "Amazon ECS, CloudWatch alarms detect deployment \
                  failures", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html";
    ECS_REBALANCING = "Amazon ECS, service \
                       rebalancing", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html";
    ECS_FARGATE = "Amazon ECS, task size on \
                   Fargate", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html";
    ECS_LOAD_BALANCING = "Amazon ECS, Application Load \
                          Balancer", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb.html";
    FARGATE_STOP = "containers-roadmap issue 2673: order of SIGTERM and \
                    deregistration", "https://github.com/aws/containers-roadmap/issues/2673";
    CDK_LISTENER = "aws-cdk issue 1160: service created before its \
                    listener", "https://github.com/aws/aws-cdk/issues/1160";
    CFN_SERVICE = "CloudFormation, \
                   AWS::ECS::Service", "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-service.html";
    CFN_UPDATES = "CloudFormation, update behaviors of stack \
                   resources", "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html";
    CFN_LINT_SIZES = "cfn-lint rule E3047, Fargate CPU and \
                      memory", "https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md";
    CLOUDFRONT_TIMEOUT = "Amazon CloudFront, origin response \
                          timeout", "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html";
    NLB_IDLE = "Network Load Balancers, connection idle \
                timeout", "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html";
    WAF_ANTI_DDOS = "AWS WAF, Anti-DDoS rule \
                     group", "https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-anti-ddos.html";
    WAF_COMMON = "AWS WAF, core rule \
                  set", "https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html";
    ELASTICACHE_PARAMETERS = "Amazon ElastiCache, engine \
                              parameters", "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html";
    ELASTICACHE_FAILOVER = "Amazon ElastiCache, Multi-AZ with automatic \
                            failover", "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html";
    ELASTICACHE_ENDPOINTS = "Amazon ElastiCache, finding connection \
                             endpoints", "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html";
    ELASTICACHE_GROUP = "Amazon ElastiCache API, \
                         CreateReplicationGroup", "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html";
    REDIS_PUBSUB = "Redis, sharded pub/sub", "https://redis.io/docs/latest/develop/pubsub/";
    SECURITY_GROUPS = "Application Load Balancers, security \
                       groups", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html";
    ENGINE_IO_PROTOCOL = "Socket.IO, Engine.IO \
                          protocol", "https://socket.io/docs/v4/engine-io-protocol/";
    ECS_EARLY_SUCCESS = "Amazon ECS, complete rolling deployments \
                         early", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/early-success-criteria.html";
    ECS_BLUE_GREEN = "Amazon ECS, blue/green \
                      deployments", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-blue-green.html";
    CFN_CANARY = "CloudFormation, AWS::ECS::Service \
                  CanaryConfiguration", "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-service-canaryconfiguration.html";
    CFN_LINEAR = "CloudFormation, AWS::ECS::Service \
                  LinearConfiguration", "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-service-linearconfiguration.html";
    TARGET_OPTIMIZER = "Application Load Balancers, target \
                        optimizer", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html";
    NODE_HEADERS = "Node.js, \
                    server.headersTimeout", "https://nodejs.org/api/http.html#serverheaderstimeout";
    TARGET_AGENT = "AWS Load Balancer Controller, target control \
                    agent", "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/alb-target-agent";
    NODE_HEADERS_ISSUE = "node issue 27363: headersTimeout ends a kept \
                          connection", "https://github.com/nodejs/node/issues/27363";
    ALB_HEADERS = "Application Load Balancers, HTTP header \
                   modification", "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html";
    SOCKET_IO_OPTIONS = "Socket.IO, server options", "https://socket.io/docs/v4/server-options/";
    SOCKET_IO_NODES = "Socket.IO, using multiple \
                       nodes", "https://socket.io/docs/v4/using-multiple-nodes/";
    SOCKET_IO_CORS = "Socket.IO, handling CORS", "https://socket.io/docs/v4/handling-cors/";
    SOCKET_IO_PROXY = "Socket.IO, behind a reverse \
                       proxy", "https://socket.io/docs/v4/reverse-proxy/";
    SOCKET_IO_COOKIES = "socket.io issue 3383: clients that keep no \
                         cookies", "https://github.com/socketio/socket.io/issues/3383";
    MATTERMOST = "mattermost/docs 8930: quiet WebSockets behind a load \
                  balancer", "https://github.com/mattermost/docs/pull/8930";
    COMFYUI = "comfyui-on-eks issue 37: 61 % errors at 60 s against 60 \
               s", "https://github.com/aws-samples/comfyui-on-eks/issues/37";
    DELIVERY = "This project: a message reaches a client through the store that its node reads", "";
    MEASURED = "Measured: an idle connection of a bare socketioxide server takes 29 KiB", "";
    INFERRED = "Inferred from the documents above; written nowhere", "";
}
