//! Colour on a terminal, which `script` gives.

use std::process::{Command, Stdio};

use super::project;

/// What `check` writes onto a terminal about a template with a mistake of ours in it.
fn on_a_terminal(term: &str, no_color: Option<&str>) -> String {
    let deployer = env!("CARGO_BIN_EXE_deployer");
    let mut command = Command::new("script");
    command
        .args([
            "-qec",
            &format!("{deployer} render --env prod --image ''"),
            "/dev/null",
        ])
        .current_dir(project())
        .env("TERM", term)
        .env_remove("NO_COLOR")
        .envs(no_color.map(|value| ("NO_COLOR", value)))
        .stdin(Stdio::null());
    let output = command
        .output()
        .expect("`script` is part of Debian's base system");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// <https://no-color.org>: "when present and not an empty string (regardless of its value)".
#[test]
fn no_color_is_honoured() {
    for (value, coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let said = on_a_terminal("xterm", value);
        assert!(said.contains("`image`"), "{said}");
        assert_eq!(said.contains("\u{1b}["), coloured, "{value:?}: {said}");
    }
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let said = on_a_terminal("dumb", None);
    assert!(said.contains("`image`"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}
