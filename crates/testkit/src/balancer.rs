//! A balancer on a port of its own, with targets, for one test.

use std::net::SocketAddr;
use std::time::Duration;

use alb_model::{Action, Balancer, Config, Event, Forward, Group, Health, HealthCheck, Listener};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use crate::backend::BOUND;

pub struct Stack {
    pub address: SocketAddr,
    pub balancer: Balancer,
    pub events: Receiver<Event>,
}

/// A target group with health checks fast enough for a test.
pub fn group() -> Group {
    Group {
        health_check: HealthCheck {
            path: "/healthcheck".into(),
            interval: Duration::from_millis(20),
            timeout: Duration::from_secs(1),
            healthy: 2,
            unhealthy: 2,
            ..HealthCheck::default()
        },
        ..Group::new("tg")
    }
}

/// A configuration with one HTTP listener that forwards to `group`.
pub fn config(group: Group) -> Config {
    let listener = Listener {
        https: false,
        rules: vec![],
        default: Action::Forward(Forward::to(&group.name)),
    };
    Config {
        listeners: vec![listener],
        groups: vec![group],
        ..Config::default()
    }
}

impl Stack {
    /// Starts a balancer; `targets` belong to its first group, and are healthy when this returns.
    pub async fn start(config: Config, targets: &[SocketAddr]) -> Self {
        let group = config.groups.first().map(|group| group.name.clone());
        let (balancer, events) = Balancer::new(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = balancer.serve(0, listener, std::future::pending()).unwrap();
        tokio::spawn(serving);
        let mut stack = Self {
            address,
            balancer,
            events,
        };
        for target in targets {
            stack
                .balancer
                .register(group.as_ref().unwrap(), *target)
                .unwrap();
        }
        for _ in targets {
            stack
                .event(|event| {
                    matches!(
                        event,
                        Event::Health {
                            health: Health::Healthy,
                            ..
                        }
                    )
                })
                .await;
        }
        stack
    }

    /// Waits for an event that fits; others are passed over.
    pub async fn event(&mut self, fits: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the balancer is gone");
                if fits(&event) {
                    return event;
                }
            }
        };
        timeout(BOUND, found).await.expect("no such event")
    }

    /// The status and cause of the next answer that the balancer gave by itself.
    pub async fn failure(&mut self) -> (u16, alb_model::Cause) {
        match self
            .event(|event| matches!(event, Event::Failed { .. }))
            .await
        {
            Event::Failed { status, cause, .. } => (status, cause),
            _ => unreachable!(),
        }
    }
}
