//! A template without its comments, for CloudFormation's call: comments count towards its limit.

use std::borrow::Cow;

use cloudformation::node::json;
use cloudformation::template::{Inputs, Template};

use crate::history::LARGEST_TEMPLATE;

/// What a deployment adds to a template: where it comes from, and the record of what ran before.
const ROOM: usize = 6_144;

/// The text to send for a template: as it is written where there is room for what a deployment adds,
/// or else without the lines that are comments alone. Where these would mean something, because a
/// text goes over several lines, it stays as it is.
pub(crate) fn compact(template: &Template) -> Cow<'_, str> {
    let text = template.text_as_written();
    if text.len() + ROOM <= LARGEST_TEMPLATE {
        return Cow::Borrowed(text);
    }
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let lines = text.split_inclusive('\n');
    let shorter: String = lines.filter(|line| !is_comment(line)).collect();
    let same = match (meaning(template), Template::parse("", shorter.clone())) {
        (Some(own), Ok(other)) => meaning(&other).is_some_and(|other| other == own),
        _ => false,
    };
    match same {
        true => Cow::Owned(shorter),
        false => Cow::Borrowed(text),
    }
}

/// What a template says, without the places.
fn meaning(template: &Template) -> Option<serde_json::Value> {
    let rendered = template.render(&Inputs::default()).ok()?;
    Some(json(&rendered.document()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(more: &str) -> String {
        let padding = "# a comment\n".repeat(4_000);
        format!("{padding}Resources:\n  R:\n    Type: AWS::SNS::Topic\n{more}")
    }

    #[test]
    fn comments_go_where_the_room_is_needed() {
        let text = padded("    # Why.\n    Properties: { TopicName: a } # behind\n");
        let template = Template::parse("t.yaml", text).expect("a template");
        let sent = compact(&template);
        assert!(sent.len() < 200 && !sent.contains("Why"), "{sent}");
        assert!(sent.contains("TopicName: a"), "{sent}");
        // What looks like a comment is a part of a text here.
        let text = padded("    Properties:\n      DisplayName: |\n        # a\n        b\n");
        let template = Template::parse("t.yaml", text.clone()).expect("a template");
        assert_eq!(compact(&template), text);
        let short = "# Why.\nResources: { R: { Type: 'AWS::SNS::Topic' } }\n";
        let template = Template::parse("t.yaml", short).expect("a template");
        assert_eq!(compact(&template), short);
    }

    #[test]
    fn the_services_template_leaves_room() {
        let template = crate::render::service_template().expect("it is accepted");
        assert!(compact(&template).len() + 3_072 < LARGEST_TEMPLATE);
    }
}
