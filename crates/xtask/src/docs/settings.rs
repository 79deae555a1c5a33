//! The server's settings, from the one definition in `timeouts`.

use std::fmt::Write as _;

use timeouts::Setting;
use timeouts::grammar::Grammar;

use super::Page;
use crate::markdown::{cell, code};

const INTRO: &str = "# Settings of the server

The server takes its settings from environment variables. Durations need a unit (`60s`, `4m`); sizes
may have one (`16KiB`). The server reports all mistakes at once and exits with code 2.

The column *key* names the same setting in an [environment file](environment-file.md), in findings
and as a flag of `deployer check`. Settings without a key in an environment file are set by the
template or by hand.

| variable | default | legal | key | meaning |
|---|---|---|---|---|
";

const OUTRO: &str = "
`ECS_CONTAINER_METADATA_URI_V4` is set by ECS. The server asks it whether ECS means to stop the
task; see [the life of a task](../operators/redis-and-tasks.md#a-task-that-ecs-stops).
";

/// The page of all variables.
pub(super) fn page() -> Page {
    let mut text = INTRO.to_owned();
    for setting in Setting::ALL {
        let spec = setting.spec();
        let Some(variable) = spec.variable else {
            continue;
        };
        let key = if spec.in_environment_file {
            code(spec.key)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| `{variable}` | {} | {} | {key} | {} |",
            default(spec.default),
            legal(*setting),
            cell(spec.meaning.trim()),
        );
    }
    text.push_str(OUTRO);
    Page::new("reference/settings.md", &text)
}

fn legal(setting: Setting) -> String {
    match setting.spec().grammar {
        Grammar::Address => "address and port".to_owned(),
        _ => cell(&setting.legal().unwrap_or_default()),
    }
}

fn default(default: Option<&str>) -> String {
    match default {
        None | Some("") => "none".to_owned(),
        Some(text) => code(text),
    }
}
