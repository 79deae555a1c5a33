//! Several templates as one system: what one exports and another imports, and nested stacks whose
//! template is a local file.
//!
//! The resources of all become those of one rendered template. Their names say the stack, or the
//! construct where CDK wrote it.

mod assembly;
mod order;
mod rewrite;
mod stack;

use std::path::{Path, PathBuf};

use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::{Node, Scalar, Value};
use cloudformation::template::{Inputs, Rendered, Resource};
use indexmap::IndexMap;

use crate::source_file::read_template;
use order::Order;
use rewrite::Scope;
use stack::Stack;

const NESTED: &str = "AWS::CloudFormation::Stack";

/// What stacks are rendered with.
pub struct Given<'a> {
    /// Parameters by name, for each stack that declares one of them.
    pub parameters: &'a [(String, String)],
    /// The region, where nothing else says it.
    pub region: Option<&'a str>,
}

/// Whether files are more than one plain template: several, a directory of CDK's, or one with
/// nested stacks that are local files.
#[must_use]
pub fn is_whole(paths: &[PathBuf]) -> bool {
    match paths {
        [only] if only.is_dir() => true,
        [only] => std::fs::read_to_string(only).is_ok_and(|text| text.contains(NESTED)),
        several => several.len() > 1,
    }
}

/// Reads and renders several templates, or all stacks of a `cdk.out`.
///
/// # Errors
/// Every mistake of the templates and their parameters.
pub fn read(paths: &[PathBuf], given: &Given<'_>) -> Result<Rendered, Mistakes> {
    let mut stacks = Vec::new();
    let mut mistakes = Mistakes::default();
    for (index, path) in paths.iter().enumerate() {
        let is_same = |other: &PathBuf| same_file(other, path);
        let found = match path.is_dir() {
            _ if paths[..index].iter().any(is_same) => Err(twice(path)),
            true => assembly::stacks(path),
            false => one(path, &name_among(path, paths)).map(|stack| vec![stack]),
        };
        stacks.extend(mistakes.keep(found).unwrap_or_default());
    }
    for (name, _) in given.parameters {
        let declares = |stack: &Stack| stack.template.parameters().contains_key(name);
        if !stacks.iter().any(declares) {
            let message = format!("no template has a parameter `{name}`");
            mistakes.push(Mistake::nowhere(message));
        }
    }
    let mut whole = Whole::default();
    for stack in &stacks {
        whole.order.next();
        let added = whole.add(stack, given, &Handed::default(), &[]);
        mistakes.keep(added);
    }
    let joined = whole.joined();
    mistakes.or(joined)
}

fn one(path: &Path, name: &str) -> Result<Stack, Mistakes> {
    Ok(Stack {
        name: name.to_owned(),
        template: read_template(path)?,
        path: path.to_owned(),
        region: None,
    })
}

/// What a file's stack is called among those of `all`: nothing if it is the only one, the file's
/// name, or its path where another file has the same name.
fn name_among(path: &Path, all: &[PathBuf]) -> String {
    let stem = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        stem.unwrap_or_default()
            .trim_end_matches(".template")
            .to_owned()
    };
    let own = stem(path);
    match all.iter().filter(|other| stem(other) == own).count() {
        _ if all.len() == 1 => String::new(),
        1 => own,
        _ => path.with_file_name(own).display().to_string(),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

fn twice(path: &Path) -> Mistakes {
    let message = format!("{} is given twice", path.display());
    Mistake::nowhere(message).into()
}

/// What a parent gives to a stack that it nests.
#[derive(Default)]
struct Handed {
    /// Values of its parameters.
    values: IndexMap<String, Node>,
    /// The resources that are created before any of its own.
    before: Vec<String>,
}

/// The resources of all stacks so far.
#[derive(Default)]
struct Whole {
    order: Order,
    resources: IndexMap<String, Resource>,
    parameters: IndexMap<String, Node>,
    region: Option<Node>,
    unset: Vec<String>,
    exports: IndexMap<String, Node>,
    adding_macro: Option<cloudformation::node::Origin>,
    rewriting_macro: Option<cloudformation::node::Origin>,
}

impl Whole {
    /// Adds a stack, and gives back its outputs. `parents` are the files that nest it.
    fn add(
        &mut self,
        stack: &Stack,
        given: &Given<'_>,
        handed: &Handed,
        parents: &[&Path],
    ) -> Result<IndexMap<String, Node>, Mistakes> {
        let inputs = inputs(stack, given, &handed.values);
        let rendered = stack.template.render(&inputs)?;
        let mut scope = Scope {
            names: names(stack, &rendered),
            values: handed.values.clone(),
            outputs: IndexMap::new(),
        };
        let chain = [parents, &[stack.path.as_path()]].concat();
        for resource in rendered.of_type(NESTED) {
            let Some(path) = local_template(&stack.path, resource) else {
                continue;
            };
            if chain.iter().any(|parent| same_file(parent, &path)) {
                let message = format!("{} nests itself", path.display());
                return Err(Mistake::at(&resource.place, message).into());
            }
            let mut nested = one(&path, &scope.name(&resource.logical_id))?;
            nested.region.clone_from(&stack.region);
            let parameters = resource.properties.get("Parameters").and_then(Node::as_map);
            let parameters = parameters.into_iter().flatten();
            let before = resource.depends_on.iter().map(|id| scope.name(id));
            let inner = Handed {
                values: parameters
                    .map(|(name, entry)| (name.clone(), scope.rewrite(&entry.node)))
                    .collect(),
                before: handed.before.iter().cloned().chain(before).collect(),
            };
            let outputs = self.add(&nested, given, &inner, &chain)?;
            scope.outputs.insert(resource.logical_id.clone(), outputs);
        }
        // A nested stack that was read is what it holds.
        let is_read = |resource: &&Resource| scope.outputs.contains_key(&resource.logical_id);
        for resource in rendered.resources.values().filter(|r| !is_read(r)) {
            let name = scope.name(&resource.logical_id);
            self.order.has(&name);
            let own = resource.depends_on.iter().map(|id| scope.name(id));
            let depends_on = own.chain(handed.before.iter().cloned()).collect();
            let resource = Resource {
                logical_id: name.clone(),
                properties: scope.rewrite(&resource.properties),
                depends_on,
                ..resource.clone()
            };
            if let Some(other) = self.resources.insert(name.clone(), resource) {
                let message = format!(
                    "two resources are called {name}: the other is {}",
                    other.place
                );
                return Err(Mistake::at(&self.resources[&name].place, message).into());
            }
        }
        let mut outputs = IndexMap::new();
        for (name, output) in &rendered.outputs {
            let value = scope.rewrite(&output.value);
            let export = output
                .export
                .as_ref()
                .and_then(|name| scope.rewrite(name).as_text().map(str::to_owned));
            if let Some(export) = export {
                self.order.exports(&export);
                self.exports.insert(export, value.clone());
            }
            outputs.insert(name.clone(), value);
        }
        self.unset.extend(
            rendered
                .unset
                .iter()
                .filter(|name| !handed.values.contains_key(*name))
                .cloned(),
        );
        self.parameters.extend(rendered.parameters);
        // Stacks of several regions have none in common.
        let same = |one: &Node, other: &Node| one.as_text() == other.as_text();
        self.region = match (self.region.take(), rendered.region) {
            (None, own) if self.order.is_first() => own,
            (Some(all), Some(own)) if same(&all, &own) => Some(all),
            _ => None,
        };
        self.adding_macro = self.adding_macro.take().or(rendered.adding_macro);
        self.rewriting_macro = self.rewriting_macro.take().or(rendered.rewriting_macro);
        Ok(outputs)
    }

    /// All resources, with what one stack imports from another.
    fn joined(self) -> Rendered {
        let exports = self.exports;
        let mut resources = self.resources;
        self.order.apply(&mut resources);
        for resource in resources.values_mut() {
            resource.properties = rewrite::import(&resource.properties, &exports, 0);
        }
        let mut joined = Rendered::of(resources);
        joined.parameters = self.parameters;
        joined.region = self.region;
        joined.unset = self.unset;
        joined.adding_macro = self.adding_macro;
        joined.rewriting_macro = self.rewriting_macro;
        joined
    }
}

/// The parameters that are known: given by hand, or by the parent as a text.
fn inputs(stack: &Stack, given: &Given<'_>, handed: &IndexMap<String, Node>) -> Inputs {
    let text = |text: &str| Node {
        value: Value::Scalar(Scalar::text(text)),
        origin: cloudformation::node::Origin::default(),
    };
    let declared = |name: &String| stack.template.parameters().contains_key(name);
    let by_hand = given.parameters.iter().filter(|(name, _)| declared(name));
    let mut parameters: IndexMap<_, _> = by_hand
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    let known = handed
        .iter()
        .filter(|(name, node)| declared(name) && node.as_text().is_some());
    parameters.extend(known.map(|(name, node)| (name.clone(), node.clone())));
    let mut inputs = Inputs {
        parameters,
        ..Inputs::default()
    };
    if let Some(region) = stack.region.as_deref().or(given.region) {
        inputs.region(&text(region));
    }
    if !stack.name.is_empty() && !stack.name.contains('/') {
        inputs
            .pseudo
            .insert("AWS::StackName".to_owned(), text(&stack.name));
    }
    inputs
}

/// What each resource of a stack is called among those of all: by the construct that made it, or by
/// its stack and its logical id.
fn names(stack: &Stack, rendered: &Rendered) -> IndexMap<String, String> {
    let name = |resource: &Resource| {
        let metadata = resource.attributes.get("Metadata").map(|entry| &entry.node);
        let construct = metadata.and_then(|metadata| metadata.get("aws:cdk:path")?.as_text());
        let own = match (construct, stack.name.as_str()) {
            (Some(path), _) => path.trim_end_matches("/Resource").to_owned(),
            (None, "") => resource.logical_id.clone(),
            (None, stack) => format!("{stack}/{}", resource.logical_id),
        };
        (resource.logical_id.clone(), own)
    };
    rendered.resources.values().map(name).collect()
}

/// The file of a nested stack: where CDK put it, or a path beside the parent's. None where its
/// template is elsewhere.
fn local_template(parent: &Path, resource: &Resource) -> Option<PathBuf> {
    let folder = parent.parent()?;
    let metadata = resource.attributes.get("Metadata").map(|entry| &entry.node);
    let asset = metadata.and_then(|metadata| metadata.get("aws:asset:path")?.as_text());
    let url = resource
        .properties
        .get("TemplateURL")
        .and_then(Node::as_text);
    let named = asset.or(url.filter(|url| !url.contains("://")))?;
    Some(folder.join(named))
}
