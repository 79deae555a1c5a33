//! The network: whether VPC and subnets are there and belong together, and whether clients come in
//! and tasks get out.

mod way_out;

use std::collections::BTreeSet;

use super::tasks::{Tasks, counted};
use super::wanted::Wanted;
use super::{Finding, Level, Looked, Unseen, unseen, within};
use crate::aws::{Clients, Endpoint, Routes, Subnet};

const SUBJECT: &str = "network";
/// Addresses that a load balancer needs free in each subnet ("Subnets for your load balancer",
/// Application Load Balancers).
const FOR_BALANCER: u64 = 8;

/// What EC2 has of the network.
#[derive(Default)]
struct Network {
    vpc: String,
    has_vpc: bool,
    /// As the template names them: the load balancer's, and the tasks'.
    balancer: Vec<String>,
    tasks: Vec<String>,
    /// Those of both that there are.
    subnets: Vec<Subnet>,
}

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>) -> Vec<Looked> {
    let Some(vpc) = wanted.text("Vpc") else {
        return Vec::new();
    };
    let at = |found: Vec<Finding>, parameter: &str| {
        let place = wanted.place(parameter);
        Ok(found.into_iter().map(|one| one.at(place)).collect())
    };
    let (there, ways) = tokio::join!(
        within(SUBJECT, there(clients, wanted, vpc)),
        within(
            "ways out of the network",
            way_out::look(clients, wanted, vpc)
        ),
    );
    match there {
        // What is not there has no ways either.
        Ok((missing, _)) if !missing.is_empty() => vec![at(missing, "Vpc")],
        Ok((_, unfit)) => vec![at(unfit, "Subnets"), ways],
        Err(unseen) => vec![Err(unseen), ways],
    }
}

/// What is missing, and what does not fit.
async fn there(
    clients: &Clients,
    wanted: &Wanted<'_>,
    vpc: &str,
) -> Result<(Vec<Finding>, Vec<Finding>), Unseen> {
    let (balancer, tasks) = (wanted.list("Subnets"), wanted.list("TaskSubnets"));
    let ids: BTreeSet<_> = balancer.iter().chain(&tasks).cloned().collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let (has_vpc, subnets) = tokio::join!(clients.has_vpc(vpc), clients.subnets(&ids));
    let network = Network {
        vpc: vpc.to_owned(),
        has_vpc: has_vpc.map_err(unseen(SUBJECT, "ec2:DescribeVpcs"))?,
        balancer,
        tasks,
        subnets: subnets.map_err(unseen(SUBJECT, "ec2:DescribeSubnets"))?,
    };
    let mut unfit = network.fits();
    let balancers = wanted.new_balancers();
    if balancers > 0 {
        unfit.extend(network.for_balancers(balancers));
    }
    let nodes = wanted.new_store_nodes();
    if network.free() < wanted.most_tasks() + nodes {
        let tasks = Tasks::count(clients, wanted).await;
        let tasks = match moves_tasks(wanted) {
            true => tasks.all_anew(),
            false => tasks,
        };
        let of_tasks = network.for_tasks(tasks);
        let of_nodes = network.for_nodes(nodes, tasks);
        // Without room for the tasks there is none for both.
        let stops = of_tasks
            .as_ref()
            .is_some_and(|one| one.level == Level::Error);
        unfit.extend(of_tasks);
        unfit.extend(of_nodes.filter(|_| !stops));
    }
    Ok((network.there(wanted.region), unfit))
}

/// Whether the tasks get other subnets than those that they run in.
fn moves_tasks(wanted: &Wanted<'_>) -> bool {
    let before = wanted.old.and_then(|old| old.parameters.get("TaskSubnets"));
    let before = before.map(|list| list.split(',').map(|id| id.trim().to_owned()));
    before.is_some_and(|before| {
        before.collect::<BTreeSet<_>>() != wanted.list("TaskSubnets").into_iter().collect()
    })
}

impl Network {
    /// What is missing, or belongs to another network.
    fn there(&self, region: &str) -> Vec<Finding> {
        if !self.has_vpc {
            let message = format!("there is no VPC {} in {region} of this account", self.vpc);
            let cure = "`aws ec2 describe-vpcs` shows those that there are";
            return vec![Finding::error(SUBJECT, message, cure)];
        }
        let known: BTreeSet<_> = self.subnets.iter().map(|subnet| &*subnet.id).collect();
        let named: BTreeSet<_> = self.balancer.iter().chain(&self.tasks).collect();
        let missing = named.iter().filter(|id| !known.contains(id.as_str()));
        let mut findings: Vec<_> = missing
            .map(|id| {
                let message = format!("there is no subnet {id} in {region} of this account");
                let cure = "`aws ec2 describe-subnets` shows those that there are";
                Finding::error(SUBJECT, message, cure)
            })
            .collect();
        let strangers = self.subnets.iter().filter(|subnet| subnet.vpc != self.vpc);
        findings.extend(strangers.map(|subnet| {
            Finding::error(
                SUBJECT,
                format!(
                    "{} belongs to {}, and not to {}",
                    subnet.id, subnet.vpc, self.vpc
                ),
                "name subnets of one VPC, and that VPC",
            )
        }));
        findings
    }

    fn zones(&self, of: &[String]) -> BTreeSet<&str> {
        let subnets = self.subnets.iter().filter(|subnet| of.contains(&subnet.id));
        subnets.map(|subnet| &*subnet.zone).collect()
    }

    /// Whether the zones are enough, and the same for tasks and load balancer.
    fn fits(&self) -> Vec<Finding> {
        let balancer = self.zones(&self.balancer);
        let mut findings = Vec::new();
        if balancer.len() < 2 {
            let zones: Vec<_> = balancer.iter().copied().collect();
            findings.push(Finding::error(
                SUBJECT,
                format!(
                    "the load balancer's subnets are in {}, and it needs two availability zones",
                    zones.join(", ")
                ),
                "name a subnet of another zone in `network.subnets`",
            ));
        }
        let tasks = self.zones(&self.tasks);
        let outside: Vec<_> = tasks.difference(&balancer).copied().collect();
        if !outside.is_empty() {
            findings.push(Finding::error(
                SUBJECT,
                format!(
                    "tasks may run in {}, where the load balancer has no subnet: it would send \
                     them nothing",
                    outside.join(", ")
                ),
                "name a subnet of that zone in `network.subnets`, or none in `network.task_subnets`",
            ));
        }
        findings
    }

    /// Whether there are addresses for a load balancer that is new.
    fn for_balancers(&self, number: u64) -> Vec<Finding> {
        let subnets = self.subnets.iter();
        let own = subnets.filter(|subnet| self.balancer.contains(&subnet.id));
        let needed = number * FOR_BALANCER;
        let tight = own.filter(|subnet| subnet.free < needed);
        let who = match number {
            1 => "the load balancer needs",
            _ => "the load balancers need",
        };
        let finding = |subnet: &Subnet| {
            Finding::error(
                SUBJECT,
                format!(
                    "{} has {} free addresses, and {who} {needed}",
                    subnet.id, subnet.free
                ),
                "name a larger subnet, or free addresses in it",
            )
        };
        tight.map(finding).collect()
    }

    /// The addresses that are free for tasks.
    fn free(&self) -> u64 {
        let subnets = self.subnets.iter();
        let own = subnets.filter(|subnet| self.tasks.contains(&subnet.id));
        own.map(|subnet| subnet.free).sum()
    }

    /// Tasks that this deployment starts stop it where there are no addresses for them. Those that
    /// may start later, when the service scales or is deployed over, do not.
    fn for_tasks(&self, tasks: Tasks) -> Option<Finding> {
        let free = self.free();
        let have = format!("the tasks' subnets have {free} free addresses");
        let cure = "name larger subnets in `network.task_subnets`, or lower";
        let (certain, most) = (tasks.starting(), tasks.at_most_starting());
        if free < certain {
            return Some(Finding::error(
                SUBJECT,
                format!("{have}, and the deployment starts {}", counted(certain)),
                format!("{cure} `service.tasks.min`"),
            ));
        }
        let warning = || {
            Finding::warning(
                SUBJECT,
                format!(
                    "{have}, and {} more may run during a deployment",
                    counted(most)
                ),
                format!("{cure} `service.tasks.max`"),
            )
        };
        (free < most).then(warning)
    }

    /// Each node of the stack's Valkey takes an address in the tasks' subnets.
    fn for_nodes(&self, nodes: u64, tasks: Tasks) -> Option<Finding> {
        let (free, certain) = (self.free(), tasks.starting());
        let message = format!(
            "the tasks' subnets have {free} free addresses, and the deployment makes {nodes} nodes \
             of Valkey and starts {}",
            counted(certain)
        );
        let cure = "name larger subnets in `network.task_subnets`, or lower \
                    `store.redis.shards` or `replicas`";
        let tight = nodes > 0 && free < nodes + certain;
        tight.then(|| Finding::error(SUBJECT, message, cure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(id: &str, zone: &str, free: u64) -> Subnet {
        Subnet {
            id: id.to_owned(),
            vpc: "vpc-1".to_owned(),
            zone: zone.to_owned(),
            free,
        }
    }

    fn network() -> Network {
        let ids = |ids: [&str; 2]| ids.map(str::to_owned).to_vec();
        Network {
            vpc: "vpc-1".to_owned(),
            has_vpc: true,
            balancer: ids(["subnet-a", "subnet-b"]),
            tasks: ids(["subnet-c", "subnet-d"]),
            subnets: vec![
                subnet("subnet-a", "1a", 100),
                subnet("subnet-b", "1b", 100),
                subnet("subnet-c", "1a", 6),
                subnet("subnet-d", "1b", 6),
            ],
        }
    }

    #[test]
    fn a_network_that_fits_is_fine() {
        let network = network();
        assert_eq!(network.there("eu-west-1"), []);
        assert_eq!(network.fits(), []);
        assert_eq!(network.for_balancers(2), []);
        assert_eq!(network.for_tasks(Tasks::of(0, 2, 12)), None);
    }

    #[test]
    fn what_is_missing_or_a_stranger_is_told() {
        let told = |change: fn(&mut Network)| {
            let mut network = network();
            change(&mut network);
            let findings = network.there("eu-west-1");
            assert_eq!(findings.len(), 1, "{findings:?}");
            findings[0].message.clone()
        };
        assert!(told(|network| network.has_vpc = false).contains("no VPC vpc-1"));
        let gone = told(|network| _ = network.subnets.pop());
        assert!(gone.contains("no subnet subnet-d"), "{gone}");
        let strange = told(|network| "vpc-2".clone_into(&mut network.subnets[2].vpc));
        assert!(strange.contains("subnet-c belongs to vpc-2"), "{strange}");
    }

    #[test]
    fn zones_must_be_two_and_the_same() {
        let mut one = network();
        "1a".clone_into(&mut one.subnets[1].zone);
        let told: Vec<_> = one.fits().into_iter().map(|found| found.message).collect();
        assert!(told[0].contains("needs two availability zones"), "{told:?}");
        assert!(told[1].contains("tasks may run in 1b"), "{told:?}");
    }

    #[test]
    fn addresses_must_be_free() {
        let mut tight = network();
        tight.subnets[0].free = 7;
        let told = tight.for_balancers(1);
        assert!(told[0].message.contains("subnet-a has 7 free"), "{told:?}");
        let told = |running, least, most| {
            let found = tight.for_tasks(Tasks::of(running, least, most));
            found.map(|found| (found.level, found.message))
        };
        let (level, message) = told(0, 13, 26).expect("a finding");
        assert_eq!(level, Level::Error);
        let words = "have 12 free addresses, and the deployment starts 13 tasks";
        assert!(message.contains(words), "{message}");
        let (level, message) = told(13, 13, 26).expect("a finding");
        assert_eq!(level, Level::Warning);
        assert!(message.contains("13 tasks more may run"), "{message}");
        assert_eq!(told(13, 13, 25), None);
        let tasks = Tasks::of(0, 2, 4);
        assert_eq!(tight.for_nodes(10, tasks), None);
        assert_eq!(tight.for_nodes(0, Tasks::of(0, 13, 13)), None);
        let found = tight.for_nodes(12, tasks).expect("a finding");
        let words = "makes 12 nodes of Valkey and starts 2 tasks";
        assert!(found.message.contains(words), "{found:?}");
    }
}
