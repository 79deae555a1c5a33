//! Every scenario, small: nothing is lost, nothing comes more often than the rules allow, everyone
//! is back. Figures are printed and not judged. One at a time, so that they are figures of one
//! scenario.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a scenario may take on a busy machine before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(600);

static ONE: Mutex<()> = Mutex::const_new(());

/// The programs under test, which are looked for beside this crate's own. As tests of the whole
/// workspace: that is how they were just built, mostly, while a plain build would compile the AWS
/// SDK without its mocks, all of it once more.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = std::process::Command::new(env!("CARGO"))
            .args(["test", "--workspace", "--no-run", "--quiet", "--locked"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success());
    });
}

async fn nothing_is_lost(scenario: &str) {
    run(&[scenario]).await;
}

async fn run(arguments: &[&str]) {
    let _alone = ONE.lock().await;
    build();
    let soak = Command::new(env!("CARGO_BIN_EXE_soak"))
        .args(["run", "--size", "small"])
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, soak).await.expect("it hangs").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{said}{errors}");
    assert!(output.status.success(), "{}: {said}{errors}", output.status);
    // It has looked at something.
    assert!(said.contains("lost 0") && !said.contains("delivered 0"));
}

#[tokio::test]
async fn kills() {
    let directory = tempfile::tempdir().unwrap();
    let picture = directory.path().join("kills.svg");
    run(&["kills", "--svg", picture.to_str().unwrap()]).await;
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.contains("kills: lateness at the client"));
    assert!(svg.contains("1  a node is killed with -9"));
}

#[tokio::test]
async fn pauses() {
    nothing_is_lost("pauses").await;
}

#[tokio::test]
async fn rollout() {
    nothing_is_lost("rollout").await;
}

#[tokio::test]
async fn outages() {
    nothing_is_lost("outages").await;
}

#[tokio::test]
async fn flaky() {
    nothing_is_lost("flaky").await;
}

#[tokio::test]
async fn mass_return() {
    nothing_is_lost("mass-return").await;
}

#[tokio::test]
async fn clock_steps() {
    nothing_is_lost("clock-steps").await;
}

#[tokio::test]
async fn silence() {
    nothing_is_lost("silence").await;
}

#[tokio::test]
async fn poison() {
    nothing_is_lost("poison").await;
}

#[tokio::test]
async fn clocks() {
    nothing_is_lost("clocks").await;
}

#[tokio::test]
async fn attacks() {
    nothing_is_lost("attacks").await;
}

#[tokio::test]
async fn cluster_outages() {
    nothing_is_lost("cluster-outages").await;
}

#[tokio::test]
async fn resharding() {
    nothing_is_lost("resharding").await;
}
