//! What goes wrong between the deployer and AWS while AWS does what it was told: answers that are
//! lost or late, calls that are refused.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::interrupted::{ended, signal};
use super::{PATIENCE, Site, in_order};
use crate::Run;

/// What becomes of the calls of one name.
#[derive(Clone)]
pub(super) enum Fault {
    /// AWS does it, and the answer is an error of its other side.
    Lost,
    /// AWS does it, and the answer does not come; whoever waits is notified that it was done.
    Held(Arc<Notify>),
    /// AWS does not allow it.
    Denied,
    /// It never reaches AWS, and no answer comes; whoever waits is notified that it was called.
    Hung(Arc<Notify>),
    /// A proxy answers with a page of this status, and with these words; so often, then AWS does.
    Page(u16, &'static str, Arc<AtomicUsize>),
    /// AWS does it, and the call's body is kept.
    Heard(Arc<Mutex<Vec<String>>>),
    /// AWS does it; its answer to this call is another.
    Says(fn(&str) -> String),
}

/// A way to AWS on which the calls of these names go wrong (`A|B`); its URL.
pub(super) async fn way(aws: &str, call: &'static str, fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let aws: SocketAddr = aws.strip_prefix("http://").unwrap().parse().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let fault = fault.clone();
            let service = service_fn(move |request| passed_on(aws, call, fault.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(tcp), service));
        }
    });
    url
}

/// A way to AWS that keeps the bodies of the calls of this name; its URL.
pub(super) async fn listening(aws: &str, call: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let url = way(aws, call, Fault::Heard(calls.clone())).await;
    (url, calls)
}

type Answer = Response<Full<Bytes>>;

async fn passed_on(
    aws: SocketAddr,
    call: &'static str,
    fault: Fault,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = head.headers.get("x-amz-target");
    let target = target.map(|target| target.to_str().unwrap().to_owned());
    let form = String::from_utf8_lossy(&body).into_owned();
    let method = head.method.clone();
    let is = |call: &&str| {
        method.as_str() == *call
            || form.split('&').any(|part| part == format!("Action={call}"))
            || target
                .as_ref()
                .is_some_and(|target| target.ends_with(&format!(".{call}")))
    };
    let meant = call.split('|').find(is);
    let is_meant = meant.is_some();
    match &fault {
        Fault::Denied if is_meant && target.is_some() => return Ok(denied()),
        Fault::Denied if is_meant => return Ok(refusal(403, "AccessDenied", "not for you")),
        Fault::Heard(calls) if is_meant => calls.lock().unwrap().push(form.clone()),
        Fault::Hung(called) if is_meant => {
            called.notify_one();
            std::future::pending::<()>().await;
        }
        Fault::Page(status, words, times) if is_meant => {
            let more = |left: usize| left.checked_sub(1);
            if times.fetch_update(SeqCst, SeqCst, more).is_ok() {
                return Ok(page(*status, words));
            }
        }
        _ => {}
    }
    let answer = forward(aws, Request::from_parts(head, Full::new(body))).await;
    match fault {
        Fault::Lost if is_meant => return Ok(refusal(500, "InternalFailure", "try again")),
        Fault::Says(answer) if is_meant => {
            let body = answer(meant.unwrap_or_default());
            return Ok(Response::new(Full::new(body.into())));
        }
        Fault::Held(done) if is_meant => {
            done.notify_one();
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    Ok(answer)
}

async fn forward(aws: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let tcp = TcpStream::connect(aws).await.unwrap();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await;
    let (mut sender, connection) = handshake.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, Full::new(body.collect().await.unwrap().to_bytes()))
}

/// As CloudFormation and ELB write it.
fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    let answer = Response::builder().status(status);
    answer.body(Full::new(body.into())).unwrap()
}

/// As ECS and CloudWatch Logs write it.
fn denied() -> Answer {
    let body = r#"{"__type": "AccessDeniedException", "message": "not for you"}"#;
    Response::builder()
        .status(400)
        .body(Full::new(body.into()))
        .unwrap()
}

/// As a proxy writes it.
fn page(status: u16, words: &str) -> Answer {
    let body = format!("<html><body><h1>{words}</h1></body></html>");
    let answer = Response::builder()
        .status(status)
        .header("content-type", "text/html");
    answer.body(Full::new(body.into())).unwrap()
}

impl Site {
    /// Runs the deployer by this way, to its end.
    pub(super) async fn run_by(&self, way: &str, arguments: &[&str]) -> Run {
        let output = self
            .command(arguments)
            .env("AWS_ENDPOINT_URL", way)
            .env("AWS_MAX_ATTEMPTS", "1")
            .output();
        let output = timeout(PATIENCE, output).await.expect("it ends").unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Deploys another image by this way.
    async fn up_by(&self, way: &str, image: &str) -> Run {
        let arguments = [
            "up",
            "--env",
            "staging",
            "--yes",
            "--no-probe",
            "--image",
            image,
        ];
        let output = self
            .command(&arguments)
            .env("AWS_ENDPOINT_URL", way)
            .output();
        let output = timeout(PATIENCE, output)
            .await
            .expect("it ends in time")
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A stack, and what came of deploying another image onto it by such a way.
async fn deployed_over(test: &str, call: &'static str, fault: Fault) -> (Site, Run) {
    let site = Site::new(test, "");
    assert_eq!(site.up(&[]).await.code, 0);
    let way = way(&site.aws.url, call, fault).await;
    let run = site.up_by(&way, "drops:2").await;
    (site, run)
}

#[tokio::test]
async fn a_lost_answer_does_not_hide_that_it_has_begun() {
    let (site, run) = deployed_over("lost-answer", "ExecuteChangeSet", Fault::Lost).await;
    assert_eq!(run.code, 0, "{run}");
    assert!(
        run.stdout.contains("deployed:") && run.stdout.contains("drops:2"),
        "{run}"
    );
    assert_eq!(site.image().await, "drops:2");
}

#[tokio::test]
async fn ctrl_c_while_it_begins_asks_whether_it_has() {
    let site = Site::new("held-answer", "");
    assert_eq!(site.up(&[]).await.code, 0);
    let done = Arc::new(Notify::new());
    let way = way(&site.aws.url, "ExecuteChangeSet", Fault::Held(done.clone())).await;
    let child = site
        .command(&[
            "up",
            "--env",
            "staging",
            "--yes",
            "--no-probe",
            "--image",
            "drops:2",
        ])
        .env("AWS_ENDPOINT_URL", &way)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    timeout(PATIENCE, done.notified())
        .await
        .expect("it is begun");
    signal(&child, "INT");
    let (code, said) = ended(child).await;
    assert_eq!(code, 130, "{said}");
    assert!(
        said.contains("continues on AWS") && !said.contains("nothing was changed"),
        "{said}"
    );
    assert_eq!(site.image().await, "drops:2");
}

#[tokio::test]
async fn what_fails_afterwards_says_that_it_is_deployed() {
    let (site, run) = deployed_over("denied-afterwards", "DescribeListeners", Fault::Denied).await;
    assert_eq!(run.code, 1, "{run}");
    assert!(
        in_order(
            &run.stderr,
            &[
                "it is deployed, but verification could not finish",
                "AccessDenied"
            ]
        ),
        "{run}"
    );
    assert_eq!(site.image().await, "drops:2");
}

#[tokio::test]
async fn a_hanging_aws_is_told_and_given_up_in_time() {
    let site = Site::new("hanging", "");
    assert_eq!(site.up(&[]).await.code, 0);
    let held = Fault::Held(Arc::new(Notify::new()));
    let way = way(&site.aws.url, "DescribeServices", held).await;
    let arguments = [
        "up",
        "--env",
        "staging",
        "--yes",
        "--no-probe",
        "--image",
        "drops:2",
    ];
    let began = std::time::Instant::now();
    let output = site
        .command(&[&arguments[..], &["--timeout", "29s"]].concat())
        .env("AWS_ENDPOINT_URL", way)
        .output();
    let output = timeout(PATIENCE, output).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    let told = [
        "still waiting after",
        "AWS to answer",
        "not finished after 29s",
    ];
    assert!(in_order(&said, &told), "{said}");
    assert!(began.elapsed() < Duration::from_secs(60), "{said}");
}

#[tokio::test]
async fn a_removal_that_is_refused_leaves_the_protection_as_it_was() {
    let site = Site::new(
        "refused-removal",
        "load_balancer: { deletion_protection: true }",
    );
    assert_eq!(site.up(&[]).await.code, 0);
    let way = way(&site.aws.url, "DeleteStack", Fault::Denied).await;
    let output = site
        .command(&["down", "--env", "staging", "--yes", "--unprotect"])
        .env("AWS_ENDPOINT_URL", way)
        .output();
    let output = timeout(PATIENCE, output).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        in_order(
            &said,
            &["off", "on again", "nothing was deleted", "AccessDenied"]
        ),
        "{said}"
    );
    let stack = site.stack().await.expect("the stack");
    assert_eq!(stack.enable_termination_protection(), Some(true));
    assert_eq!(site.attribute("deletion_protection.enabled").await, "true");
}

#[tokio::test]
async fn what_may_not_be_seen_is_told_and_hinders_nothing() {
    let (_site, run) = deployed_over("not-seen", "DescribeTargetHealth", Fault::Denied).await;
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(
        run.stderr
            .matches("cannot read the targets' health")
            .count(),
        1,
        "{run}"
    );
}

#[tokio::test]
async fn a_load_balancer_that_somebody_deleted_is_drift_and_no_obstacle() {
    let site = Site::new("deleted-balancer", "");
    assert_eq!(site.up(&[]).await.code, 0);
    let client = site.balancers();
    let found = client.describe_load_balancers().send().await.unwrap();
    let arn = found.load_balancers()[0].load_balancer_arn().unwrap();
    client
        .delete_load_balancer()
        .load_balancer_arn(arn)
        .send()
        .await
        .unwrap();
    let checked = site.run(&["check", "--env", "staging", "--live"]).await;
    assert_eq!(checked.code, 1, "{checked}");
    assert!(
        checked
            .stderr
            .contains("a load balancer of the stack is gone"),
        "{checked}"
    );
    let down = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert_eq!(down.code, 0, "{down}");
    assert!(site.stack().await.is_none());
}
