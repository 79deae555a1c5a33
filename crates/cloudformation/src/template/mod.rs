//! CloudFormation templates: ours and anyone's.
//!
//! [`Template::read`] knows the sections, [`Template::render`] fills in what can be known before
//! deploying and gives a [`Rendered`]. What only AWS knows stays in it as a
//! [`Call`](crate::node::Call): nothing is guessed.

mod condition;
mod cycle;
mod expand;
mod function;
mod macros;
mod parameter;
mod references;
mod rendered;
mod resolve;
mod section;
mod sub;
mod text;

use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::{Mistake, Mistakes, nearest};
use crate::node::{Entry, Map, Node, Place, Scalar, Source, Value, is_macro_key, read_template};

pub use parameter::{Inputs, Parameter};
pub use references::mentioned;
pub use rendered::{Condition, Output, Rendered, Resource, Truth};

/// The sections of a template ("Template sections", CloudFormation user guide).
const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
    "Hooks",
    "Fn::Transform",
];

/// The attributes of a resource ("Resource attribute reference"); `Version` is that of a custom
/// resource, and a macro may stand anywhere but in `Parameters`.
const ATTRIBUTES: [&str; 11] = [
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "Metadata",
    "UpdatePolicy",
    "UpdateReplacePolicy",
    "Version",
    "Fn::Transform",
];

/// A template as it was written, its sections known.
#[derive(Clone, Debug)]
pub struct Template {
    written: Arc<Source>,
    sections: Map,
    parameters: IndexMap<String, Parameter>,
    warnings: Vec<Mistake>,
}

impl Template {
    /// Reads a template from text; `name` is what messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with its form.
    pub fn parse(name: &str, text: impl Into<String>) -> Result<Self, Mistakes> {
        let (root, warnings) = read_template(name, text)?;
        Self::from_node(root, warnings)
    }

    fn from_node(root: Node, warnings: Vec<Mistake>) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let Some(place) = root.place().cloned() else {
            return Err(Mistake::nowhere("a template must come from a file").into());
        };
        let Value::Map(sections) = root.value else {
            let message = format!(
                "a template is a mapping with `Resources`, but this is {}",
                root.kind_name()
            );
            return Err(Mistake::at(&place, message).into());
        };
        // A macro may give a meaning to what CloudFormation itself does not know.
        let has_macro = sections.contains_key("Transform");
        for (name, entry) in &sections {
            if !SECTIONS.contains(&name.as_str()) && !has_macro {
                let mistake = Mistake::at(
                    &entry.key,
                    format!("`{name}` is not a section of a template"),
                );
                mistakes.push(suggest(mistake, name, SECTIONS));
            }
        }
        for name in [
            "Parameters",
            "Mappings",
            "Conditions",
            "Resources",
            "Outputs",
        ] {
            if let Some(entry) = sections.get(name)
                && entry.node.as_map().is_none()
            {
                let message = format!(
                    "`{name}` is a mapping by name, but this is {}",
                    entry.node.kind_name()
                );
                mistakes.push(Mistake::at(
                    entry.node.place().unwrap_or(&entry.key),
                    message,
                ));
            }
        }
        if !sections.contains_key("Resources") {
            mistakes.push(Mistake::at(&place, "a template must have `Resources`"));
        }
        let mut parameters = IndexMap::new();
        for (name, entry) in section(&sections, "Parameters") {
            if let Some(parameter) = mistakes.keep(Parameter::read(name, entry)) {
                parameters.insert(name.clone(), parameter);
            }
        }
        for (name, entry) in section(&sections, "Resources") {
            if !is_macro_key(name) {
                check_resource(name, entry, has_macro, &mut mistakes);
            }
        }
        expand::check(&sections, &mut mistakes);
        mistakes.or(Self {
            written: place.source().clone(),
            sections,
            parameters,
            warnings,
        })
    }

    /// What CloudFormation takes and a person would want to know: keys that are given twice.
    #[must_use]
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// What its author calls it: its file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// The template's text, as its author wrote it.
    #[must_use]
    pub fn text_as_written(&self) -> &str {
        &self.written.text
    }

    /// The parameters that the template declares.
    #[must_use]
    pub fn parameters(&self) -> &IndexMap<String, Parameter> {
        &self.parameters
    }

    /// The entries of a section, without the macros in it; none where the template has no such
    /// section.
    fn section(&self, name: &str) -> impl Iterator<Item = (&String, &Entry)> {
        section(&self.sections, name).filter(|(name, _)| !is_macro_key(name))
    }

    /// One entry of a section.
    fn entry(&self, section: &str, name: &str) -> Option<&Entry> {
        self.sections.get(section)?.node.as_map()?.get(name)
    }

    /// The names in a section.
    fn names(&self, section: &str) -> impl Iterator<Item = &str> {
        self.section(section).map(|(name, _)| name.as_str())
    }

    /// A section that is passed on as it is.
    fn text(&self, name: &str) -> Option<&Node> {
        self.sections.get(name).map(|entry| &entry.node)
    }
}

fn section<'a>(
    sections: &'a Map,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Entry)> + use<'a> {
    sections
        .get(name)
        .and_then(|entry| entry.node.as_map())
        .into_iter()
        .flatten()
}

/// A resource has a type and no attribute that CloudFormation does not know.
fn check_resource(name: &str, entry: &Entry, has_macro: bool, mistakes: &mut Mistakes) {
    if macros::is_whole(&entry.node) {
        return;
    }
    let Some(attributes) = entry.node.as_map() else {
        mistakes.push(Mistake::at(
            &entry.key,
            format!(
                "`{name}` is a mapping with `Type`, but this is {}",
                entry.node.kind_name()
            ),
        ));
        return;
    };
    let kind = attributes.get("Type").and_then(|kind| kind.node.as_text());
    if kind.is_none() && !attributes.contains_key("Fn::Transform") {
        mistakes.push(Mistake::at(&entry.key, format!("`{name}` has no `Type`")));
    }
    for (attribute, entry) in attributes {
        if !ATTRIBUTES.contains(&attribute.as_str()) && !has_macro {
            let mistake = Mistake::at(
                &entry.key,
                format!("`{attribute}` is not an attribute of a resource"),
            );
            mistakes.push(suggest(mistake, attribute, ATTRIBUTES));
        }
    }
}

/// Names the nearest known name, if there is one.
fn suggest<'a>(
    mistake: Mistake,
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Mistake {
    match nearest(unknown, known) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    }
}

/// A string at the given place.
fn text_node(text: impl Into<String>, place: &Place) -> Node {
    Node::new(Value::Scalar(Scalar::text(text)), place.clone())
}
