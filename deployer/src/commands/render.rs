//! `deployer render`: the template as it would be applied.

use std::path::PathBuf;

use clap::ValueEnum;
use deployer::node::{Node, Origin, Scalar, Value, json, yaml};
use deployer::template::{Inputs, Template};
use serde_json::json;

use crate::cli::{Exit, Output, line, print, say};

/// Write the template as it would be applied; what only AWS knows stays a function.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A template of anyone's.
    #[arg(long, value_name = "FILE")]
    template: PathBuf,
    /// A value for a parameter of the template; repeat it for several.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter, requires = "template")]
    parameters: Vec<(String, String)>,
    /// The region, where the template speaks of it.
    #[arg(long, requires = "template")]
    region: Option<String>,
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

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let template = Template::read(&args.template)?;
    let given = |text: &String| Node {
        value: Value::Scalar(Scalar::text(text)),
        origin: Origin::default(),
    };
    let parameters = args
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), given(value)))
        .collect();
    let mut inputs = Inputs {
        parameters,
        ..Inputs::default()
    };
    if let Some(region) = &args.region {
        inputs.region(&given(region));
    }
    let rendered = template.render(&inputs)?;
    let missing: Vec<_> = rendered.missing(&template).map(|(name, _)| name).collect();
    let document = rendered.document();
    if output == Output::Json {
        print(&line(
            &json!({ "schema": 1, "template": json(&document), "missing_parameters": missing }),
        ))?;
        return Ok(Exit::Well);
    }
    for name in missing {
        say(&format!(
            "warning: the parameter `{name}` has no value: it stays `!Ref {name}` (give it with --parameter {name}=…)"
        ))?;
    }
    print(&match args.format {
        Format::Yaml => yaml(&document),
        Format::Json => format!("{:#}\n", json(&document)),
    })?;
    Ok(Exit::Well)
}
