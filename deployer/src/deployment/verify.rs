//! What follows once the stack is there: ECS runs this very task definition, the rules hold on what
//! is live, and real sessions pass the load balancer.

use std::io::IsTerminal as _;
use std::time::Duration;

use crate::aws::{Resource, StackState, read_stack};
use crate::local::api::{Api, Error as ApiError};
use crate::probe::{Options, Outcome, Step, run as probe};
use crate::reading::{Flags, read, read_live};
use crate::report::Report;
use crate::stack_operation::{Notice, Rollout, SteadyState, wait_for_steady_state};
use anyhow::Context as _;
use serde_json::json;
use socketio_client::{Settings, Trust};
use tokio::time::{Instant, sleep};

use super::Deployment;
use crate::backend_keys::first;
use crate::server_target::{backend_key, with_slash};
use crate::terminal::{Exit, Output, line, print, say};

const SERVICE: &str = "AWS::ECS::Service";
const TASK_DEFINITION: &str = "AWS::ECS::TaskDefinition";
/// How long a new load balancer's name may take to be known, and its first answer to come.
const REACHABLE: Duration = Duration::from_secs(90);
/// How long the probe's key lives, should nobody be left to revoke it.
const KEY_LIVES: Duration = Duration::from_secs(900);
/// How long each answer to the probe may take.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest that nothing is told.
const SILENCE: Duration = Duration::from_secs(25);

impl Deployment<'_> {
    /// Waits until ECS runs each service's task definition; how this ends, if it does not.
    pub(super) async fn settled(&self) -> anyhow::Result<Option<Exit>> {
        let resources = self
            .sure(async || self.clients.resources(&self.request.stack).await)
            .await?;
        let stack = self.stack().await?;
        // By AWS's clock: what stopped before was no task of this deployment.
        let since = stack.updated.or(stack.created);
        let cluster = resources.iter().find(|r| r.kind == "AWS::ECS::Cluster");
        let cluster = cluster.map(|cluster| cluster.physical_id.as_str());
        for service in resources.iter().filter(|r| r.kind == SERVICE) {
            let Some(task_definition) = self.task_definition(service, &resources) else {
                continue;
            };
            let mut rollout = Rollout::since(since);
            let mut reporter = &self.reporter;
            let settled = wait_for_steady_state(
                &self.clients,
                (&service.physical_id, cluster),
                task_definition,
                &mut rollout,
                &self.limits,
                &mut reporter,
            );
            if let SteadyState::No(why) = settled.await.map_err(|stopped| self.stopped(stopped))? {
                if self.is_overtaken().await? {
                    return self.overtaken().map(Some);
                }
                self.not_settled(&service.logical_id, &why)?;
                return Ok(Some(Exit::NotDeployed));
            }
        }
        Ok(None)
    }

    /// The task definition that a service should run: the one that the template gives it.
    fn task_definition<'r>(
        &self,
        service: &Resource,
        resources: &'r [Resource],
    ) -> Option<&'r str> {
        let rendered = &self.loaded.rendered;
        let stated = rendered.resources.get(&service.logical_id)?;
        let named = rendered.referred(stated.properties.get("TaskDefinition")?)?;
        let of_name = |resource: &&Resource| {
            resource.kind == TASK_DEFINITION && resource.logical_id == named.logical_id
        };
        Some(resources.iter().find(of_name)?.physical_id.as_str())
    }

    fn not_settled(&self, service: &str, why: &str) -> anyhow::Result<()> {
        let advice = "`deployer logs` and the service's stopped tasks say why; fix the cause and \
                      deploy again";
        if self.output == Output::Json {
            return print(&line(&json!({
                "type": "failed", "stack": self.request.stack,
                "cause": { "logical_id": service, "resource_type": SERVICE, "reason": why },
                "now": "the stack is updated, but its service does not run the new task \
                        definition", "what_to_do": advice,
            })));
        }
        say(&format!(
            "FAILED\n  first cause: {service} ({SERVICE})\n    {why}\n  now: the stack is \
             updated, but its service does not run the new task definition\n  what to do: {advice}"
        ))
    }

    /// Whether the rules hold on what is live, and nothing differs from the template.
    pub(super) async fn live_fits(&self) -> anyhow::Result<bool> {
        let given = Flags::default();
        let live = self
            .sure(async || read_stack(&self.clients, &self.request.stack).await)
            .await?;
        let mut readings = read(&self.loaded.rendered, &given)?;
        let drifts = readings.add_live(read_live(&live, &given)?);
        let report = Report::new(readings, &self.loaded.ignores).with_drifts(drifts);
        let fits = report.errors() == 0 && report.drifts.is_empty();
        match self.output {
            Output::Json => print(&line(&report.json()))?,
            Output::Text if fits => self.stage(format!(
                "live: {} rules hold, nothing differs from the template",
                report.held
            )),
            Output::Text => say(&report.text(std::io::stderr().is_terminal()))?,
        }
        Ok(fits)
    }

    /// Whether real sessions pass the load balancer, by the domain that clients use.
    pub(super) async fn probe(&self) -> anyhow::Result<bool> {
        let stack = self.stack().await?;
        let url = stack.outputs.get("Url");
        let path = self.request.parameter("SocketPath");
        let namespaces = self.request.parameter("Namespaces");
        let (Some(url), Some(path), Some(namespaces)) = (url, path, namespaces) else {
            self.stage(
                "no probe: this template does not state its URL, path and namespaces; give \
                        them to `deployer probe`",
            );
            return Ok(true);
        };
        let namespace = namespaces.split(',').next().unwrap_or_default();
        let began = Instant::now();
        let key = match self.backend_key(&stack).await {
            Ok(key) => key,
            Err(error) => {
                let change = "allow the deploying role to read the secret, or give \
                              --backend-key-file or --no-probe";
                self.not_probed(began, format!("{error:#}"), change.to_owned());
                return Ok(false);
            }
        };
        let address = url
            .parse()
            .with_context(|| format!("the stack's output Url is {url}"))?;
        let given = self.options.api_url.as_deref();
        let backends = given.or(stack.api_url()).unwrap_or(url);
        let api = Api {
            address: backends
                .parse()
                .with_context(|| format!("backends cannot call {backends}"))?,
            backend_key: key,
        };
        // From outside of its network nobody reaches it: that says nothing of the deployment.
        let internal = given.is_none() && stack.outputs.contains_key("ApiUrl");
        self.stage(format!("probing {url}"));
        let (id, key) = match self.issue(&api, namespace).await {
            Ok(issued) => issued,
            Err(ApiError::Http(error)) if internal => {
                self.stage(format!(
                    "not probed: no key could be issued, since {backends} is internal and not \
                     reached from here ({error}); run it within the VPC, give --api-url, or give a \
                     plugin's key to `deployer probe`"
                ));
                return Ok(true);
            }
            Err(error) => {
                let name = stack
                    .outputs
                    .get("LoadBalancerName")
                    .map_or("the load balancer", String::as_str);
                let change = format!(
                    "check that the name in {url} leads to {name}, that its certificate covers \
                     it, and that the backend key is current"
                );
                self.not_probed(began, format!("no key could be issued: {error}"), change);
                return Ok(false);
            }
        };
        let settings = Settings {
            address,
            path: path.to_owned(),
            namespace: with_slash(namespace),
            key: Some(key),
        };
        let passed = self.sessions(settings).await?;
        if let Err(error) = api.revoke_key(&id).await {
            say(&format!(
                "the probe's key {id} could not be revoked: {error}; it expires within 15 minutes"
            ))?;
        }
        Ok(passed)
    }

    /// Says why the probe could not even begin.
    fn not_probed(&self, began: Instant, saw: String, change: String) {
        self.step(&Step {
            name: "key",
            outcome: Outcome::Failed,
            saw,
            took: began.elapsed(),
            means: None,
            change: Some(change),
        });
    }

    fn step(&self, step: &Step) {
        // A closed pipe does not change what the probe finds.
        let _ = match (self.output, serde_json::to_value(step)) {
            (Output::Json, Ok(mut step)) => {
                step["type"] = json!("probe_step");
                print(&line(&step))
            }
            _ => say(&step.text()),
        };
    }

    async fn stack(&self) -> anyhow::Result<StackState> {
        let stack = self.sure(async || self.clients.stack(&self.request.stack).await);
        let stack = stack.await?;
        stack.with_context(|| format!("the stack {} is gone", self.request.stack))
    }

    /// The key with which the probe's own is issued: from a file, or from the stack's secret.
    async fn backend_key(&self, stack: &StackState) -> anyhow::Result<String> {
        if self.options.backend_key_file.is_some() {
            return backend_key(self.options.backend_key_file.as_ref(), None);
        }
        let secret = stack.outputs.get("BackendKeys");
        let secret = secret.context("the stack has no output BackendKeys that names the secret")?;
        let keys = self.clients.secret(secret).await?;
        first(&keys).with_context(|| format!("the secret {secret} is empty"))
    }

    /// Issues a key; a name that is new, or a first task that is only just healthy, gets a while.
    async fn issue(&self, api: &Api, namespace: &str) -> Result<(String, String), ApiError> {
        let began = Instant::now();
        let mut told = began;
        loop {
            let issued = api
                .create_passing_key("deployer-probe", namespace, KEY_LIVES)
                .await;
            let passes = match &issued {
                Err(ApiError::Http(_)) => true,
                Err(ApiError::Refused { status, .. }) => (500..=504).contains(status),
                _ => false,
            };
            if !passes || began.elapsed() >= REACHABLE {
                return issued;
            }
            if told.elapsed() >= SILENCE {
                self.waiting(began.elapsed(), "an answer through the load balancer");
                told = Instant::now();
            }
            sleep(Duration::from_secs(2)).await;
        }
    }

    async fn sessions(&self, settings: Settings) -> anyhow::Result<bool> {
        let options = Options {
            settings,
            trust: Trust::default(),
            origin: None,
            quiet_for: None,
            timeout: ANSWER,
        };
        let show = |step: &Step| self.step(step);
        let wait = |time: Duration| {
            self.stage(format!(
                "staying quiet for {} s …",
                time.as_secs_f64().ceil()
            ));
        };
        let began = Instant::now();
        let mut probing = std::pin::pin!(probe(&options, show, wait));
        loop {
            tokio::select! {
                report = &mut probing => return Ok(report.ok),
                () = sleep(SILENCE) => self.waiting(began.elapsed(), "the probe's quiet \
                    connections"),
            }
        }
    }

    fn waiting(&self, elapsed: Duration, on: &str) {
        let on = on.to_owned();
        self.reporter
            .borrow_mut()
            .tell(&Notice::Waiting { elapsed, on });
    }

    /// Whether something else has been done to the stack since this deployment: what is live is not
    /// this one's to answer for then.
    pub(super) async fn is_overtaken(&self) -> anyhow::Result<bool> {
        let stack = self.stack().await?;
        Ok(stack.is_busy() || stack.updated != self.updated.get())
    }

    /// Says that this deployment was carried out, and that another has begun since.
    pub(super) fn overtaken(&self) -> anyhow::Result<Exit> {
        let stack = &self.request.stack;
        match self.output {
            Output::Json => print(&line(&json!({
                "type": "done", "stack": stack, "changed": true, "well": null, "overtaken": true,
            })))?,
            Output::Text => print(&format!(
                "{}, and overtaken: a later deployment of {stack} has begun since, so what is live \
                 is not verified here\n  `deployer status --stack {stack} --watch` shows the later \
                 one\n",
                self.purpose.done
            ))?,
        }
        Ok(Exit::Well)
    }

    /// Says how it all ended.
    pub(super) async fn done(&self, changed: bool, well: bool) -> anyhow::Result<Exit> {
        let stack = self.stack().await?;
        let url = stack.outputs.get("Url").map(String::as_str);
        let host = stack.outputs.get("LoadBalancerName").map(String::as_str);
        let image = stack.parameters.get("Image").map(String::as_str);
        let facts = self.facts(&stack).await;
        if self.output == Output::Json {
            let mut document = json!({
                "type": "done", "stack": stack.name, "status": stack.status, "changed": changed, "well": well, "url": url, "host": host, "image": image,
            });
            facts.into(&mut document);
            print(&line(&document))?;
        } else {
            let what = if changed {
                self.purpose.done
            } else {
                "nothing to do"
            };
            let what = if well {
                what.to_owned()
            } else {
                format!("{what}, but verification failed")
            };
            let mut text = format!("{what}: {} is {}", stack.name, stack.status);
            for (name, value) in [("image", image), ("url", url), ("host", host)] {
                if let Some(value) = value {
                    text.push_str(&format!("\n  {name:<5}  {value}"));
                }
            }
            print(&format!("{text}{}\n", facts.text()))?;
        }
        Ok(if well { Exit::Well } else { Exit::Failed })
    }
}
