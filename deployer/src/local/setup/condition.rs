//! A listener rule's conditions. A value that only AWS knows matches nothing here.

use alb_model::{Condition, QueryPair};
use aws_model::{Field, Matches};
use cloudformation::diagnostic::Mistake;

use super::mistake;

pub(super) fn convert(condition: &aws_model::Condition) -> Result<Condition, Mistake> {
    let wrong = |message: String| mistake(None, &condition.place, message);
    Ok(match &condition.matches {
        Matches::Path(values) => Condition::Path(texts(values)),
        Matches::Host(values) => Condition::Host(texts(values)),
        Matches::Method(values) => Condition::Method(texts(values)),
        Matches::Header(name, values) => Condition::Header {
            name: name.as_str().unwrap_or_default().to_owned(),
            values: texts(values),
        },
        Matches::Query(pairs) => Condition::Query(pairs.iter().filter_map(pair).collect()),
        Matches::SourceIp(values) => {
            let ranges = texts(values)
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_, _>>();
            Condition::SourceIp(ranges.map_err(|error| wrong(format!("{error}")))?)
        }
        Matches::Other(field) => {
            let field = field.as_str().unwrap_or_default();
            return Err(wrong(format!(
                "the condition {field:?} is not one of AWS's fields"
            )));
        }
    })
}

fn texts(values: &[Field<String>]) -> Vec<String> {
    values
        .iter()
        .filter_map(|value| value.value().cloned())
        .collect()
}

fn pair((key, value): &(Field<String>, Field<String>)) -> Option<QueryPair> {
    Some(QueryPair {
        key: key.value().cloned(),
        value: value.value()?.clone(),
    })
}
