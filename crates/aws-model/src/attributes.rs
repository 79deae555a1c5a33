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
        let item = |item: Properties<'_>| {
            let key = item.at("Key")?;
            let text = key.as_text()?.to_owned();
            Some((text, key.origin.clone(), item.field("Value")))
        };
        let items: Field<Vec<_>> = properties.each(path, item);
        // A list of which one item may vanish still shows the others.
        let shown = properties.items(path).filter_map(item).collect();
        let rest = match items {
            Field::Stated(items, _) if items.iter().all(Option::is_some) => {
                Field::NotStated(properties.place())
            }
            Field::Stated(_, _) => {
                let mut items = properties.items(path).map(|item| item.node);
                let unknown = items.find(|item| item.get("Key").and_then(Node::as_text).is_none());
                only_aws_knows(unknown.unwrap_or(properties.node))
            }
            Field::NotStated(resource) => Field::NotStated(resource),
            Field::NotSeen(why) => Field::NotSeen(why),
        };
        Self { items: shown, rest }
    }

    /// Why there may be more keys than those listed; none where there are not.
    #[must_use]
    pub fn unlisted(&self) -> Option<&NotSeen> {
        match &self.rest {
            // What AWS answers is all that there is.
            Field::NotSeen(NotSeen::Because(_)) | Field::NotStated(_) | Field::Stated(..) => None,
            Field::NotSeen(why) => Some(why),
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
