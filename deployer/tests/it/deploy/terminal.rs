//! The question on a terminal, and what is drawn there; `script` gives the terminal.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::interrupted::read_until;
use super::{PATIENCE, STACK, Site};

impl Site {
    /// `up` on a terminal, with what it asks still open.
    async fn asked(&self) -> Child {
        let deployer = env!("CARGO_BIN_EXE_deployer");
        let mut child = Command::new("script")
            .args([
                "-qec",
                &format!("{deployer} up --env staging --no-probe"),
                "/dev/null",
            ])
            .current_dir(&self.directory)
            .envs(self.aws.environment())
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`script` is part of Debian's base system");
        let terminal = child.stdout.as_mut().expect("it is piped");
        let said = read_until(terminal, "Apply this to acme-drops-staging? [y/N]").await;
        assert!(
            said.contains("+ ECSALB"),
            "the plan comes before the question: {said}"
        );
        child
    }
}

/// Answers; what is said then, and the exit code.
async fn answer(mut child: Child, line: &str) -> (i32, String) {
    let mut keyboard = child.stdin.take().expect("it is piped");
    keyboard
        .write_all(line.as_bytes())
        .await
        .expect("it is typed");
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("it ends in time")
        .expect("it ran");
    drop(keyboard);
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[tokio::test]
async fn no_is_no_and_yes_is_drawn_in_place() {
    let site = Site::new("terminal", "");
    let (code, said) = answer(site.asked().await, "n\n").await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("declined; nothing was changed"), "{said}");
    assert!(site.stack().await.is_none());

    let (code, said) = answer(site.asked().await, "y\n").await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("✓ ECSALB"), "{said}");
    assert!(said.contains("deployed: acme-drops-staging"), "{said}");
}

#[tokio::test]
async fn ctrl_c_at_the_question_leaves_nothing() {
    let site = Site::new("terminal-ctrl-c", "");
    let (code, said) = answer(site.asked().await, "\x03").await;
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(site.stack().await.is_none());
}

#[tokio::test]
async fn a_plan_that_has_expired_is_not_carried_out() {
    let site = Site::new("terminal-expired", "");
    let child = site.asked().await;
    let sets = site
        .stacks
        .list_change_sets()
        .stack_name(STACK)
        .send()
        .await
        .expect("change sets");
    let name = sets
        .summaries()
        .first()
        .and_then(|set| set.change_set_name())
        .expect("one");
    let gone = site
        .stacks
        .delete_change_set()
        .stack_name(STACK)
        .change_set_name(name);
    gone.send().await.expect("it goes");
    let (code, said) = answer(child, "y\n").await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("the change set has expired, or another deployment ran"),
        "{said}"
    );
    assert!(site.stack().await.is_none());
}
