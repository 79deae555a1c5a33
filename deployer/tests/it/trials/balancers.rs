//! What stands in front of the targets: the model, or HAProxy configured to do the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use alb_model::{Config, Group};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::participants::{PATIENCE, Talker};
use testkit::balancer::{Stack, config, group};

/// How a front is set.
pub(crate) struct BalancerSettings {
    pub(crate) idle: Duration,
    pub(crate) sticky: bool,
}

pub(crate) enum Front {
    Model(Box<Stack>),
    HaProxy {
        address: SocketAddr,
        _process: Box<Talker>,
        _directory: tempfile::TempDir,
    },
}

impl Front {
    pub(crate) async fn model(setup: &BalancerSettings, targets: &[SocketAddr]) -> Self {
        let stickiness = setup.sticky.then_some(Duration::from_secs(3600));
        let mut group = Group {
            stickiness,
            ..group()
        };
        // Targets of either kind: what is not served there is answered, too.
        group.health_check.path = "/".into();
        group.health_check.matcher = vec![(200, 499)];
        let config = Config {
            idle_timeout: setup.idle,
            ..config(group)
        };
        Self::Model(Box::new(Stack::start(config, targets).await))
    }

    pub(crate) async fn haproxy(setup: &BalancerSettings, targets: &[SocketAddr]) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, testkit::port::free_port()));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, configuration(setup, address, targets)).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file);
        let process = Talker::start(command);
        let up = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up)
            .await
            .expect("HAProxy does not listen");
        Self::HaProxy {
            address,
            _process: Box::new(process),
            _directory: directory,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Model(stack) => stack.address,
            Self::HaProxy { address, .. } => *address,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

fn configuration(setup: &BalancerSettings, address: SocketAddr, targets: &[SocketAddr]) -> String {
    let (idle, cookie) = (
        setup.idle.as_millis(),
        if setup.sticky {
            "cookie AWSALB insert indirect"
        } else {
            ""
        },
    );
    let servers: String = targets
        .iter()
        .enumerate()
        .map(|(n, target)| {
            let cookie = if setup.sticky {
                format!("cookie t{n}")
            } else {
                String::new()
            };
            format!("  server t{n} {target} {cookie}\n")
        })
        .collect();
    // A response that does not come in time, a tunnel and an idle client are all cut by the same
    // clock, as at AWS's.
    format!(
        "global\n  maxconn 1000\ndefaults\n  mode http\n  retries 0\n  timeout connect 5s\n  timeout client {idle}ms\n  \
         timeout server {idle}ms\n  timeout tunnel {idle}ms\n  timeout http-keep-alive {idle}ms\n\
         frontend f\n  bind {address}\n  default_backend b\n\
         backend b\n  balance roundrobin\n  http-reuse always\n  {cookie}\n{servers}"
    )
}

/// One trial behind each front, as two tests.
macro_rules! trials {
    ($($(#[$doc:meta])* $name:ident: $trial:path;)*) => {$(
        mod $name {
            $(#[$doc])*
            #[tokio::test]
            async fn behind_the_model() {
                $trial(async |setup, targets| $crate::trials::balancers::Front::model(&setup, &targets).await).await;
            }

            $(#[$doc])*
            #[tokio::test]
            async fn behind_haproxy() {
                $trial(async |setup, targets| $crate::trials::balancers::Front::haproxy(&setup, &targets).await).await;
            }
        }
    )*};
}
pub(crate) use trials;
