//! Properties that are new to this program. What they change is not known, so nothing that their
//! resource says is taken for the whole truth.

use std::collections::BTreeMap;

use cloudformation::node::{Entry, Node, Origin, is_macro_key};
use cloudformation::template::Rendered;

use crate::properties::Id;

/// A property that nothing here reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    /// Its path: `DeploymentConfiguration.Strategy`.
    pub name: String,
    /// Its place.
    pub place: Origin,
}

/// The properties of one mapping of a type: those that are read, and those that change nothing that
/// a rule looks at ("AWS resource and property types reference", CloudFormation user guide).
struct Known {
    kind: &'static str,
    /// The path of the mapping; empty for the resource itself. `*` is each item of a list.
    path: &'static str,
    keys: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        path: "",
        keys: "EnableCapacityReservationProvisionStabilize EnablePrefixForIpv6SourceNat \
               EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic IpAddressType Ipv4IpamPoolId \
               LoadBalancerAttributes MinimumLoadBalancerCapacity Name Scheme SecurityGroups \
               SubnetMappings Subnets Tags Type",
    },
    Known {
        kind: "AWS::ElasticLoadBalancingV2::TargetGroup",
        path: "",
        keys: "HealthCheckEnabled HealthCheckIntervalSeconds HealthCheckPath HealthCheckPort \
               HealthCheckProtocol HealthCheckTimeoutSeconds HealthyThresholdCount IpAddressType \
               Matcher Name Port Protocol ProtocolVersion Tags TargetControlPort \
               TargetGroupAttributes TargetType Targets UnhealthyThresholdCount VpcId",
    },
    Known {
        kind: "AWS::ElasticLoadBalancingV2::Listener",
        path: "",
        keys: "AlpnPolicy Certificates DefaultActions ListenerAttributes LoadBalancerArn \
               MutualAuthentication Port Protocol SslPolicy Tags",
    },
    Known {
        kind: "AWS::ElasticLoadBalancingV2::ListenerRule",
        path: "",
        keys: "Actions Conditions ListenerArn Priority Tags Transforms",
    },
    Known {
        kind: "AWS::ECS::Service",
        path: "",
        keys: "AvailabilityZoneRebalancing CapacityProviderStrategy Cluster \
               DeploymentConfiguration DeploymentController DesiredCount EnableECSManagedTags \
               EnableExecuteCommand ForceNewDeployment HealthCheckGracePeriodSeconds LaunchType \
               LoadBalancers Monitoring NetworkConfiguration PlacementConstraints \
               PlacementStrategies PlatformVersion PropagateTags Role SchedulingStrategy \
               ServiceConnectConfiguration ServiceName ServiceRegistries Tags TaskDefinition \
               VolumeConfigurations VpcLatticeConfigurations",
    },
    Known {
        kind: "AWS::ECS::Service",
        path: "DeploymentConfiguration",
        keys: "Alarms BakeTimeInMinutes CanaryConfiguration DeploymentCircuitBreaker \
               EarlySuccessCriteria LifecycleHooks LinearConfiguration MaximumPercent \
               MinimumHealthyPercent Strategy",
    },
    Known {
        kind: "AWS::ECS::Service",
        path: "DeploymentConfiguration.DeploymentCircuitBreaker",
        keys: "Enable ResetOnHealthyTask Rollback ThresholdConfiguration",
    },
    Known {
        kind: "AWS::ECS::Service",
        path: "LoadBalancers.*",
        keys: "AdvancedConfiguration ContainerName ContainerPort LoadBalancerName TargetGroupArn",
    },
    Known {
        kind: "AWS::ECS::TaskDefinition",
        path: "",
        keys: "ContainerDefinitions Cpu EnableFaultInjection EphemeralStorage ExecutionRoleArn \
               Family InferenceAccelerators IpcMode Memory NetworkMode PidMode \
               PlacementConstraints ProxyConfiguration RequiresCompatibilities RuntimePlatform \
               Tags TaskRoleArn Volumes",
    },
    Known {
        kind: "AWS::ECS::TaskDefinition",
        path: "ContainerDefinitions.*",
        keys: "Command Cpu CredentialSpecs DependsOn DisableNetworking DnsSearchDomains \
               DnsServers DockerLabels DockerSecurityOptions EntryPoint Environment \
               EnvironmentFiles Essential ExtraHosts FirelensConfiguration HealthCheck Hostname \
               Image Interactive Links LinuxParameters LogConfiguration Memory MemoryReservation \
               MountPoints Name PortMappings Privileged PseudoTerminal ReadonlyRootFilesystem \
               RepositoryCredentials ResourceRequirements RestartPolicy Secrets StartTimeout \
               StopTimeout SystemControls Ulimits User VersionConsistency VolumesFrom \
               WorkingDirectory",
    },
];

/// The unread properties of each resource that has one.
pub(crate) fn all(rendered: &Rendered) -> BTreeMap<Id, Vec<Unread>> {
    let mut all: BTreeMap<Id, Vec<Unread>> = BTreeMap::new();
    for known in KNOWN {
        for resource in rendered.of_type(known.kind) {
            let mut found = Vec::new();
            collect(&resource.properties, known.path, known, &mut found);
            if !found.is_empty() {
                let id = resource.logical_id.clone();
                all.entry(id).or_default().extend(found);
            }
        }
    }
    all
}

fn collect(node: &Node, path: &str, known: &Known, found: &mut Vec<Unread>) {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    match step {
        "" => {
            let entries = node.as_map().into_iter().flatten();
            found.extend(entries.filter_map(|(key, entry)| unread(key, entry, known)));
        }
        "*" => {
            let items = node.as_list().unwrap_or_default().iter();
            items.for_each(|item| collect(item, rest, known, found));
        }
        step => {
            if let Some(next) = node.get(step) {
                collect(next, rest, known, found);
            }
        }
    }
}

fn unread(key: &str, entry: &Entry, known: &Known) -> Option<Unread> {
    // What a macro makes is not seen by itself.
    if is_macro_key(key) || known.keys.split_whitespace().any(|known| known == key) {
        return None;
    }
    let before = known.path.trim_end_matches(".*");
    let dot = if before.is_empty() { "" } else { "." };
    Some(Unread {
        name: format!("{before}{dot}{key}"),
        place: entry.key.clone().into(),
    })
}
