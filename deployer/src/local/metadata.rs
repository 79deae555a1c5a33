//! The ECS task metadata endpoint, version 4, as far as a task can learn from it that it is to
//! stop.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html>
//! documents the fields, not when they change. Known from others' observations: `KnownStatus` says
//! RUNNING until the task has stopped, through what `DescribeTasks` calls DEACTIVATING
//! (<https://github.com/aws/containers-roadmap/issues/2012>), and on Fargate `DesiredStatus` turned
//! to STOPPED about 30 s before the container died
//! (<https://github.com/ministackorg/ministack/pull/1711>). Unknown: whether it always turns before
//! the target is deregistered, and what EC2 does. Here it turns at that moment.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The endpoint of every task of one stack. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Metadata {
    address: SocketAddr,
    tasks: Tasks,
    _serving: AbortOnDropHandle<()>,
}

/// For each task, its `DesiredStatus`.
#[derive(Debug, Clone, Default)]
struct Tasks(Arc<Mutex<HashMap<String, &'static str>>>);

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, &'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metadata {
    /// Listens on a port of its own.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) async fn listen() -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, tasks) = (socket.local_addr()?, Tasks::default());
        let serving = tokio::spawn(serve(socket, tasks.clone()));
        Ok(Self {
            address,
            tasks,
            _serving: AbortOnDropHandle::new(serving),
        })
    }

    /// A task that is to run; the value of its `ECS_CONTAINER_METADATA_URI_V4`.
    pub(super) fn run(&self, task: &str) -> String {
        self.tasks.lock().insert(task.to_owned(), "RUNNING");
        format!("http://{}/v4/{task}", self.address)
    }

    /// The task is to stop.
    pub(super) fn stop(&self, task: &str) {
        if let Some(status) = self.tasks.lock().get_mut(task) {
            *status = "STOPPED";
        }
    }

    /// The task is gone.
    pub(super) fn forget(&self, task: &str) {
        self.tasks.lock().remove(task);
    }
}

async fn serve(socket: TcpListener, tasks: Tasks) {
    loop {
        let Ok((connection, _)) = socket.accept().await else {
            // Out of file descriptors, say: the next moment may have some.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let tasks = tasks.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let answer = answer(&tasks, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that breaks off is no matter.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(connection), answer)
                .await;
        });
    }
}

fn answer(tasks: &Tasks, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path: Vec<_> = request.uri().path().split('/').skip(1).collect();
    let document = match path[..] {
        ["v4", task] => status(tasks, task).map(|desired| container(task, desired)),
        ["v4", task, "task"] => status(tasks, task).map(|desired| whole(task, desired)),
        _ => None,
    };
    let (status, document) = document.map_or_else(
        || (StatusCode::NOT_FOUND, json!("no such task or path")),
        |document| (StatusCode::OK, document),
    );
    let mut response = Response::new(Full::new(Bytes::from(document.to_string())));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn status(tasks: &Tasks, task: &str) -> Option<&'static str> {
    tasks.lock().get(task).copied()
}

fn container(task: &str, desired: &str) -> Value {
    // Whoever can ask is running.
    json!({ "DockerId": task, "Name": "server", "DesiredStatus": desired, "KnownStatus": "RUNNING", "Type": "NORMAL" })
}

fn whole(task: &str, desired: &str) -> Value {
    json!({
        "Cluster": "local", "TaskARN": format!("arn:aws:ecs:local:000000000000:task/local/{task}"),
        "Family": "local", "Revision": "1", "DesiredStatus": desired, "KnownStatus": "RUNNING",
        "Containers": [container(task, desired)], "LaunchType": "FARGATE",
    })
}
