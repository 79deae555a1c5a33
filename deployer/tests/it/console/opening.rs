//! How the console gets into a browser: its address is in no argument of a program, and nothing of
//! it stays behind.

use std::os::unix::fs::PermissionsExt;

use super::Page;
use crate::running::{command, directory, signal};
use crate::trials::participants::PATIENCE;
use crate::write;

#[tokio::test]
async fn the_browser_is_given_a_file_of_this_user_alone() {
    let directory = directory();
    let (told, keys) = (directory.path().join("told"), directory.path().join("keys"));
    write(&keys, &"k".repeat(32));
    let browser = directory.path().join("bin/xdg-open");
    let to = told.display();
    let text = format!("#!/bin/sh\necho \"$*\" > {to}.part\nmv {to}.part {to}\n");
    write(&browser, &text);
    std::fs::set_permissions(&browser, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = command(directory.path());
    command
        .args([
            "console",
            "--url",
            "http://127.0.0.1:9",
            "--backend-key-file",
        ])
        .arg(&keys)
        .env("DISPLAY", ":0")
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", browser.parent().unwrap().display()),
        );
    let mut page = Page::start(command).await;
    let began = tokio::time::Instant::now();
    while !told.exists() {
        assert!(began.elapsed() < PATIENCE, "no browser was opened");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let file = std::fs::read_to_string(&told).unwrap().trim().to_owned();
    assert!(!file.contains(&page.token), "{file}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let html = std::fs::read_to_string(&file).unwrap();
    assert!(
        html.contains(&format!(
            "url=http://{}/#token={}",
            page.address.authority(),
            page.token
        )),
        "{html}"
    );
    signal(page.child.id().unwrap(), "INT");
    let ended = tokio::time::timeout(PATIENCE, page.child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
    assert!(!std::path::Path::new(&file).exists());
}

#[tokio::test]
async fn without_a_key_or_a_stack_it_says_what_to_do() {
    let directory = directory();
    for (args, words) in [
        (&["console"][..], "no local stack is running"),
        (
            &["console", "--url", "http://127.0.0.1:9"],
            "--backend-key-file",
        ),
        (
            &["console", "--env", "none"],
            "there is no environments/none.yaml",
        ),
    ] {
        let ran = command(directory.path()).args(args).output().await.unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
