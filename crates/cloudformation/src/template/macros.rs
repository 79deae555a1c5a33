//! What macros may make of a template that nobody but AWS can run: more resources, more properties,
//! other names.

use super::Template;
use crate::node::{Function, Map, Node, Place, Value, is_macro_key};

/// SAM, whose transform makes resources beside those that it is given.
const SAM: &str = "AWS::Serverless-2016-10-31";
/// Transforms that add nothing to resources which are not theirs.
const TAME: [&str; 4] = [
    "AWS::LanguageExtensions",
    SAM,
    "AWS::CodeDeployBlueGreen",
    "AWS::SecretsManager-",
];
/// The transform that puts a text of S3 where it stands, and changes nothing around it.
const INCLUDE: &str = "AWS::Include";
/// What SAM calls the resources that no function is named in ("Generated CloudFormation resources",
/// SAM developer guide).
const SAM_OWN: [&str; 4] = [
    "ServerlessRestApi",
    "ServerlessHttpApi",
    "ServerlessDeploymentApplication",
    "CodeDeployServiceRole",
];

/// Whether a macro makes the whole of a value.
pub(super) fn is_whole(node: &Node) -> bool {
    matches!(&node.value, Value::Call(call) if call.function == Function::Transform)
}

impl Template {
    /// The names of the template's transforms, each with its place.
    fn transforms(&self) -> impl Iterator<Item = (&str, &Place)> {
        let node = self.text("Transform");
        let items = node.map_or(&[][..], |node| {
            node.as_list().unwrap_or(std::slice::from_ref(node))
        });
        items.iter().filter_map(|item| {
            let name = item.get("Name").unwrap_or(item);
            Some((name.as_text().unwrap_or_default(), item.place()?))
        })
    }

    /// Whether a transform is SAM's.
    pub(super) fn is_sam(&self) -> bool {
        self.transforms().any(|(name, _)| name == SAM)
    }

    /// Where a macro stands that may change any resource.
    pub(super) fn rewriting_macro(&self) -> Option<&Place> {
        let mut transforms = self.transforms();
        let wild = transforms
            .find(|(name, _)| *name != INCLUDE && !TAME.iter().any(|tame| name.starts_with(tame)));
        wild.map(|(_, place)| place)
    }

    /// Where a macro stands that may add resources. What the template does not have may then exist.
    pub(super) fn adding_macro(&self) -> Option<&Place> {
        let include = || {
            let mut transforms = self.transforms();
            transforms
                .find(|(name, _)| *name == INCLUDE)
                .map(|(_, place)| place)
        };
        let section = || self.sections.get("Fn::Transform").map(|entry| &entry.key);
        let resources = || {
            let resources = self.text("Resources")?;
            if is_whole(resources) {
                return resources.place();
            }
            let mut entries = resources.as_map()?.iter();
            let made = entries.find(|(name, entry)| is_macro_key(name) || is_whole(&entry.node));
            made.map(|(_, entry)| &entry.key)
        };
        self.rewriting_macro()
            .or_else(include)
            .or_else(section)
            .or_else(resources)
    }

    /// Whether a macro may add entries to a section.
    pub(super) fn may_have_more(&self, section: &str) -> bool {
        let grows = |node: &Node| {
            let mut keys = node.as_map().into_iter().flat_map(Map::keys);
            is_whole(node) || keys.any(|key| is_macro_key(key))
        };
        self.rewriting_macro().is_some() || self.text(section).is_some_and(grows)
    }

    /// Whether a macro may make a resource of this name.
    pub(super) fn may_be_made(&self, name: &str) -> bool {
        if self.adding_macro().is_some() {
            return true;
        }
        if !self.is_sam() {
            return false;
        }
        let is_sam = |entry: &Node| {
            let kind = entry.get("Type").and_then(Node::as_text);
            kind.is_some_and(|kind| kind.starts_with("AWS::Serverless::"))
        };
        let mut resources = self.section("Resources");
        SAM_OWN.iter().any(|own| name.starts_with(own))
            || resources.any(|(own, entry)| name.starts_with(own.as_str()) && is_sam(&entry.node))
    }
}
