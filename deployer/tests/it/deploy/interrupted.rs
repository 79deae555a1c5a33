//! Deployments whose watcher goes away: the deployment goes on, and the next run takes it up.

use std::process::Stdio;

use http::Method;
use http::header::HeaderMap;
use socketio_client::request;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use super::{PATIENCE, STACK, Site, in_order};

/// A resource that is not there before it is told so.
pub(crate) const WAIT: &str = "  Handle: { Type: 'AWS::CloudFormation::WaitConditionHandle' }
  Wait: { Type: 'AWS::CloudFormation::WaitCondition', Properties: { Handle: !Ref Handle, Timeout: '120' } }";

impl Site {
    /// Lets the stack go on.
    pub(crate) async fn release(&self) {
        let answer = self
            .stacks
            .list_stack_resources()
            .stack_name(STACK)
            .send()
            .await
            .expect("resources");
        let handle = answer
            .stack_resource_summaries()
            .iter()
            .find(|resource| resource.logical_resource_id() == Some("Handle"))
            .and_then(|handle| handle.physical_resource_id())
            .expect("a handle")
            .to_owned();
        let path = handle.splitn(4, '/').nth(3).expect("a path");
        let signal = r#"{"Status": "SUCCESS", "UniqueId": "1", "Data": "", "Reason": ""}"#;
        let address = self.aws.url.parse().expect("an address");
        let (path, headers) = (format!("/{path}"), HeaderMap::new());
        let sent = request(
            &address,
            (Method::PUT, &path),
            &headers,
            signal.into(),
            PATIENCE,
        );
        assert_eq!(sent.await.expect("an answer").status, 200);
    }
}

/// Reads until a line has these words; what came before.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), words: &str) -> String {
    let mut said = String::new();
    let mut lines = BufReader::with_capacity(1, stream).lines();
    while !said.contains(words) {
        let line = timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect("nothing said in time").expect("it is text");
        let line = line.unwrap_or_else(|| panic!("it ended before saying `{words}`:\n{said}"));
        said = format!("{said}{line}\n");
    }
    said
}

/// Its exit code and what else it says.
pub(crate) async fn ended(mut child: Child) -> (i32, String) {
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    let ended = async { tokio::join!(child.wait(), stderr.read_to_string(&mut said)).0 };
    let status = timeout(PATIENCE, ended)
        .await
        .expect("it ends in time")
        .expect("it ran");
    (status.code().unwrap_or(-1), said)
}

pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill")
        .args([format!("-{name}"), pid])
        .stderr(Stdio::null())
        .status();
    assert!(sent.expect("kill runs").success());
}

#[tokio::test]
async fn a_killed_watcher_is_followed_by_another() {
    let site = Site::new("killed", "");
    site.template(WAIT);
    let mut first = site.start(&[]);
    read_until(
        first.stderr.as_mut().expect("it is piped"),
        "Wait CREATE_IN_PROGRESS",
    )
    .await;
    signal(&first, "KILL");
    ended(first).await;
    let mut second = site.start(&[]);
    let said = read_until(
        second.stderr.as_mut().expect("it is piped"),
        "Wait CREATE_IN_PROGRESS",
    )
    .await;
    assert!(
        in_order(
            &said,
            &[
                "acme-drops-staging is CREATE_IN_PROGRESS: watching what is in progress",
                "acme-drops-staging CREATE_IN_PROGRESS"
            ]
        ),
        "{said}"
    );
    site.release().await;
    let (code, rest) = ended(second).await;
    assert_eq!(code, 0, "{said}{rest}");
    assert!(
        in_order(
            &rest,
            &[
                "acme-drops-staging CREATE_COMPLETE",
                "nothing differs from the template"
            ]
        ),
        "{rest}"
    );
}

#[tokio::test]
async fn ctrl_c_leaves_the_deployment_alone() {
    let site = Site::new("ctrl-c", "");
    let first = site.up(&[]).await;
    assert_eq!(first.code, 0, "{first}");
    site.template(WAIT);
    site.environment("load_balancer: { idle_timeout: 315s }");
    let mut watcher = site.start(&[]);
    read_until(
        watcher.stderr.as_mut().expect("it is piped"),
        "Wait UPDATE_IN_PROGRESS",
    )
    .await;
    signal(&watcher, "INT");
    let (code, said) = ended(watcher).await;
    assert_eq!(code, 130, "{said}");
    assert!(
        said.contains("the deployment continues on AWS; `deployer up --env staging` resumes it"),
        "{said}"
    );

    let plan = site.run(&["plan", "--env", "staging"]).await;
    assert_eq!(plan.code, 2, "{plan}");
    assert!(plan.stderr.contains("UPDATE_IN_PROGRESS"), "{plan}");
    let impatient = site.up(&["--timeout", "1s"]).await;
    assert_eq!(impatient.code, 5, "{impatient}");
    assert!(
        in_order(
            &impatient.stderr,
            &[
                "still running",
                "not done after 1s",
                "--timeout gives it longer"
            ]
        ),
        "{impatient}"
    );

    site.release().await;
    let last = site.up(&[]).await;
    assert_eq!(last.code, 0, "{last}");
    assert!(last.stdout.contains("no changes"), "{last}");
    assert_eq!(site.attribute("idle_timeout.timeout_seconds").await, "315");
}

/// Never signalled: the update that brings it fails.
const FAILS: &str = "  Handle: { Type: 'AWS::CloudFormation::WaitConditionHandle' }
  Wait: { Type: 'AWS::CloudFormation::WaitCondition', Properties: { Handle: !Ref Handle, Timeout: '3' } }";

#[tokio::test]
async fn anothers_update_that_fails_does_not_keep_this_one() {
    let site = Site::new("anothers-update", "");
    assert_eq!(site.up(&[]).await.code, 0);
    site.template(FAILS);
    let mut other = site.start(&["--image", "drops:bad"]);
    read_until(
        other.stderr.as_mut().expect("piped"),
        "Wait UPDATE_IN_PROGRESS",
    )
    .await;
    site.template("");
    let run = site.up(&["--image", "drops:fix"]).await;
    assert_eq!(run.code, 0, "{run}");
    assert!(
        in_order(
            &run.stderr,
            &[
                "watching what is in progress",
                "another deployment, is undone",
                "going on with this one"
            ]
        ),
        "{run}"
    );
    assert_eq!(site.image().await, "drops:fix");
    assert_eq!(ended(other).await.0, 3);
}
