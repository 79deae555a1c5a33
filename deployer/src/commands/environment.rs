//! What the verbs that work on an environment share: `--env` or `--template`, and what comes of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cloudformation::node::{Entry, Node, Origin, Place, Scalar, Source, Value};
use cloudformation::template::Rendered;
use deployer::environment::{Target, find, load};
use deployer::linked_stacks;
use deployer::loaded_environment::{Loaded, StackOptions, ignores};
use deployer::render::{render, render_with, service_template};
use deployer::source_file::read_template;

use deployer::terminal::say;

/// Which environment, or which template of anyone's.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// An environment: a name in the directory of environments, or a path.
    #[arg(long, value_name = "NAME", required_unless_present = "templates")]
    env: Option<String>,
    /// The directory of environment files.
    #[arg(long, value_name = "DIR", default_value = "environments")]
    environments: PathBuf,
    /// The image, instead of the environment file's.
    #[arg(long, requires = "env")]
    image: Option<String>,
    /// Another template: with --env for its parameters, or alone. For `check`, a `cdk.out` too, and
    /// several that are one system.
    #[arg(long = "template", value_name = "FILE")]
    templates: Vec<PathBuf>,
    /// A value for a parameter of a template without --env; repeat it for several.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter, requires = "templates", conflicts_with = "env")]
    parameters: Vec<(String, String)>,
    /// The region, where there is no --env to say it.
    #[arg(long, conflicts_with = "env")]
    region: Option<String>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Args {
    /// An environment, as if it had been named on the command line.
    pub(crate) fn of(env: &str, environments: &Path) -> Self {
        Self {
            env: Some(env.to_owned()),
            environments: environments.to_owned(),
            image: None,
            templates: Vec::new(),
            parameters: Vec::new(),
            region: None,
        }
    }

    /// Whether an environment or a template was named; a verb may have other things to work on.
    pub(crate) fn is_given(&self) -> bool {
        self.env.is_some() || !self.templates.is_empty()
    }

    /// The templates of several stacks that are one system; none where there is one plain template.
    pub(crate) fn whole(&self) -> Option<anyhow::Result<Rendered>> {
        if self.env.is_some() || !linked_stacks::is_whole(&self.templates) {
            return None;
        }
        let given = linked_stacks::Given {
            parameters: &self.parameters,
            region: self.region.as_deref(),
        };
        Some(linked_stacks::read(&self.templates, &given).map_err(anyhow::Error::from))
    }

    /// The region that was named by hand.
    pub(crate) fn region(&self) -> Option<String> {
        self.region.clone()
    }

    /// Reads the files and renders.
    ///
    /// # Errors
    /// Every mistake in the environment file or the template.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let template = match self.templates.as_slice() {
            [] => service_template()?,
            [path] => read_template(path)?,
            _ => anyhow::bail!("`check` alone takes several templates; give one"),
        };
        let Some(env) = &self.env else {
            let rendered = render_with(&template, &self.parameters, self.region.as_deref())?;
            return Ok(Loaded {
                name: None,
                path: None,
                local: None,
                template,
                rendered,
                region: self.region.clone(),
                ignores: Vec::new(),
                options: StackOptions::default(),
            });
        };
        let path = find(env, &self.environments)?;
        let name = name_of(&path)?;
        let environment = load(&path, |node| self.change(node))?;
        let rendered = render(&template, &name, &environment)?;
        Ok(Loaded {
            name: Some(name),
            path: Some(path),
            local: Some(environment.target.value == Target::Local),
            template,
            rendered,
            region: Some(environment.region.value.0.clone()),
            ignores: ignores(&environment),
            options: StackOptions::of(&environment),
        })
    }

    /// Says which template was taken, where none was named: in another directory it would be
    /// another one.
    ///
    /// # Errors
    /// Nobody listens.
    pub(crate) fn say_chosen(&self, loaded: &Loaded) -> anyhow::Result<()> {
        if self.templates.is_empty() {
            say(&format!("template: {}", loaded.template.name()))?;
        }
        Ok(())
    }

    fn change(&self, node: &mut Node) {
        let (Some(image), Value::Map(map)) = (&self.image, &mut node.value) else {
            return;
        };
        let source = Source {
            name: "--image".to_owned(),
            text: image.clone(),
        };
        let image = Node {
            value: Value::Scalar(Scalar::text(image)),
            origin: Origin::default(),
        };
        map.insert(
            "image".to_owned(),
            Entry {
                key: Place::start_of(&source.into()),
                node: image,
            },
        );
    }
}

/// An environment is called after its file.
pub(crate) fn name_of(path: &Path) -> anyhow::Result<String> {
    let name = path.file_stem().and_then(|name| name.to_str());
    name.map(str::to_owned)
        .with_context(|| format!("{} has no readable name", path.display()))
}
