//! Resources that need each other: CloudFormation refuses them, and no order exists to create them
//! in.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{Resource, sub};
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::{Function, Node, Value};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Begun,
    Done,
}

/// Adds a mistake for every cycle among the resources. What SAM makes of its own resources is not
/// known here: an API and a function that name each other become resources that do not.
pub(super) fn check(resources: &IndexMap<String, Resource>, is_sam: bool, mistakes: &mut Mistakes) {
    let needs: HashMap<&str, Vec<&str>> = resources
        .values()
        .filter(|r| !(is_sam && r.kind.starts_with("AWS::Serverless::")))
        .map(|r| (r.logical_id.as_str(), needs(r)))
        .collect();
    let mut marks = HashMap::new();
    for name in resources.keys() {
        visit(name, resources, &needs, &mut marks, mistakes);
    }
}

/// Walks from one resource along what it needs, without recursion: chains are as long as the
/// template.
fn visit<'r>(
    start: &'r str,
    resources: &IndexMap<String, Resource>,
    needs: &HashMap<&'r str, Vec<&'r str>>,
    marks: &mut HashMap<&'r str, Mark>,
    mistakes: &mut Mistakes,
) {
    let mut path: Vec<(&str, usize)> = Vec::new();
    if marks.insert(start, Mark::Begun).is_none() {
        path.push((start, 0));
    } else {
        marks.insert(start, Mark::Done);
    }
    while let Some((name, next)) = path.last_mut() {
        let (name, index) = (*name, *next);
        *next += 1;
        let Some(need) = needs.get(name).and_then(|needs| needs.get(index)).copied() else {
            marks.insert(name, Mark::Done);
            path.pop();
            continue;
        };
        match marks.get(need) {
            None if resources.contains_key(need) => {
                marks.insert(need, Mark::Begun);
                path.push((need, 0));
            }
            Some(Mark::Begun) => {
                let from = path.iter().position(|(name, _)| *name == need).unwrap_or(0);
                let names: Vec<_> = path[from..]
                    .iter()
                    .map(|(name, _)| *name)
                    .chain([need])
                    .collect();
                let place = resources.get(need).map(|resource| resource.place.clone());
                let message = format!(
                    "these resources depend on each other: {}",
                    names.join(" → ")
                );
                let help = "remove one reference: a separate resource \
                            (`AWS::EC2::SecurityGroupIngress`, say) can join the two";
                mistakes.push(Mistake {
                    message,
                    place,
                    help: Some(help.to_owned()),
                });
            }
            _ => {}
        }
    }
}

/// The logical ids that a resource speaks of, itself included if it does.
fn needs(resource: &Resource) -> Vec<&str> {
    let mut names: Vec<&str> = resource.depends_on.iter().map(String::as_str).collect();
    walk(&resource.properties, &mut names);
    names
}

fn walk<'n>(node: &'n Node, names: &mut Vec<&'n str>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| walk(item, names)),
        Value::Map(map) => map.values().for_each(|entry| walk(&entry.node, names)),
        Value::Call(call) => {
            names.extend(node.refers_to());
            if call.function == Function::Sub {
                let text = call
                    .argument
                    .as_list()
                    .and_then(<[Node]>::first)
                    .unwrap_or(&call.argument)
                    .as_text();
                names.extend(
                    text.into_iter()
                        .flat_map(sub::variables)
                        .map(|(name, _)| name),
                );
            }
            walk(&call.argument, names);
        }
    }
}
