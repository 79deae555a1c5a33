//! `deployer render`: the template as it would be applied.

use clap::ValueEnum;
use cloudformation::node::{json, yaml};
use serde_json::json;

use super::environment;
use deployer::terminal::{Exit, Output, line, print, say};

/// Write the template as it would be applied; what only AWS knows stays a function.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: environment::Args,
    /// How the template is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// YAML with short tags.
    #[default]
    Yaml,
    /// JSON with long function names.
    Json,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = args.environment.load()?;
    let document = loaded.rendered.document();
    let missing: Vec<_> = loaded
        .rendered
        .missing(&loaded.template)
        .map(|(name, _)| name)
        .collect();
    if output == Output::Json {
        let document = json(&document);
        let name = &loaded.name;
        print(&line(
            &json!({ "schema": 1, "environment": name, "template": document, "missing_parameters": missing }),
        ))?;
        return Ok(Exit::Well);
    }
    for name in missing {
        say(&format!(
            "warning: the parameter `{name}` has no value and stays `!Ref {name}`; AWS will ask \
             for it"
        ))?;
    }
    print(&match args.format {
        Format::Yaml => yaml(&document),
        Format::Json => format!("{:#}\n", json(&document)),
    })?;
    Ok(Exit::Well)
}
