//! A listener rule's conditions, in their own properties or in the older `Values`.

use super::{list, mistake, text, texts};
use alb_model::{Condition, QueryPair};
use cloudformation::diagnostic::Mistake;
use cloudformation::node::Node;
use cloudformation::template::Resource;

pub(super) fn read(rule: &Resource, node: &Node) -> Result<Condition, Mistake> {
    let field = text(node, "Field").unwrap_or_default();
    let values = |own: &str| {
        let own = texts(node, own);
        if own.is_empty() {
            texts(node, "Values")
        } else {
            own
        }
    };
    let condition = match field {
        "path-pattern" => Condition::Path(values("PathPatternConfig.Values")),
        "host-header" => Condition::Host(values("HostHeaderConfig.Values")),
        "http-request-method" => Condition::Method(texts(node, "HttpRequestMethodConfig.Values")),
        "http-header" => Condition::Header {
            name: text(node, "HttpHeaderConfig.HttpHeaderName")
                .unwrap_or_default()
                .to_owned(),
            values: texts(node, "HttpHeaderConfig.Values"),
        },
        "query-string" => Condition::Query(
            list(node, "QueryStringConfig.Values")
                .iter()
                .filter_map(pair)
                .collect(),
        ),
        "source-ip" => {
            let ranges = texts(node, "SourceIpConfig.Values")
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_, _>>();
            Condition::SourceIp(
                ranges.map_err(|error| mistake(rule, Some(node), format!("{error}")))?,
            )
        }
        _ => {
            return Err(mistake(
                rule,
                Some(node),
                format!("the condition {field:?} is not one of AWS's fields"),
            ));
        }
    };
    Ok(condition)
}

fn pair(node: &Node) -> Option<QueryPair> {
    Some(QueryPair {
        key: text(node, "Key").map(str::to_owned),
        value: text(node, "Value")?.to_owned(),
    })
}
