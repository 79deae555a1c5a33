//! The key-value attributes of load balancers, listeners and target groups.

use cloudformation::node::{Node, Origin};

use crate::field::{Field, FromText, NOT_IN_ANSWER, NotSeen, only_aws_knows};
use crate::properties::Properties;

/// Attributes, in the order in which the source lists them.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// Each key with its place, and its value.
    pub items: Vec<(String, Origin, Field<String>)>,
    /// What a key that is not listed is.
    rest: Field<String>,
}

impl Attributes {
    /// The attributes that AWS answers for the live resource at `place`.
    pub fn live<'a>(
        answer: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
        place: &Origin,
    ) -> Self {
        let item = |(key, value): (Option<&str>, Option<&str>)| {
            let value = Field::live(value.map(str::to_owned), place);
            Some((key?.to_owned(), place.clone(), value))
        };
        Self {
            items: answer.into_iter().filter_map(item).collect(),
            rest: Field::NotSeen(NotSeen::Because(NOT_IN_ANSWER)),
        }
    }

    /// A key that is not listed has its default, unless an item that only AWS knows may be it.
    pub(crate) fn read(properties: Properties<'_>, path: &str) -> Self {
        let known = |item: &Node| item.get("Key").and_then(Node::as_text).is_some();
        let unknown = properties
            .at(path)
            .filter(|list| list.as_list().is_none())
            .or_else(|| {
                let mut items = properties.items(path).map(|item| item.node);
                items.find(|item| !known(item))
            });
        let item = |item: Properties<'_>| {
            let key = item.at("Key")?;
            let text = key.as_text()?.to_owned();
            Some((text, key.origin.clone(), item.field("Value")))
        };
        Self {
            items: properties.items(path).filter_map(item).collect(),
            rest: unknown.map_or_else(|| Field::NotStated(properties.place()), only_aws_knows),
        }
    }

    /// An attribute.
    #[must_use]
    pub fn get<T: FromText>(&self, key: &str) -> Field<T> {
        let found = self.items.iter().find(|(known, ..)| known == key);
        let value = found.map_or(&self.rest, |(.., value)| value);
        value.clone().parse()
    }
}
