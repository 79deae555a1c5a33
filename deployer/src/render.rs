//! An environment over a template: what would be applied.

use std::path::Path;

use indexmap::IndexMap;

use crate::environment::Environment;
use crate::source_file::read_template;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::{Node, Origin, Scalar, Value, json};
use cloudformation::template::{Inputs, Rendered, Template};

/// Where the project keeps its template; the same text is built in, for use without the project at
/// hand.
const TEMPLATE_PATH: &str = "cloudformation/service.yaml";
/// What the built-in one is called, so that nobody takes it for a file of theirs.
const BUILT_IN: &str = "cloudformation/service.yaml (built in)";
const TEMPLATE: &str = include_str!("../../cloudformation/service.yaml");

/// The names that must change with whatever replaces their resource, by the parameter that ends
/// them, the resource's logical id and the properties whose change replaces it ("Update requires:
/// Replacement" in the resource's reference).
const REVISIONS: [(&str, &str, &[&str]); 3] = [
    ("LoadBalancerRevision", "ECSALB", &["Type", "Scheme"]),
    ("TargetGroupRevision", "ECSTG", &OF_TARGET_GROUP),
    ("ApiTargetGroupRevision", "ApiTG", &OF_TARGET_GROUP),
];
/// Those of a target group.
const OF_TARGET_GROUP: [&str; 6] = [
    "Port",
    "Protocol",
    "ProtocolVersion",
    "TargetType",
    "VpcId",
    "IpAddressType",
];
/// Of two target groups that are alike, this one has another name.
const API: &str = "ApiTargetGroupRevision";

/// Reads the template of the service: the project's own in the current directory, or else the one
/// built in.
///
/// # Errors
/// The project's own has mistakes.
pub fn service_template() -> Result<Template, Mistakes> {
    let path = Path::new(TEMPLATE_PATH);
    if path.is_file() {
        read_template(path)
    } else {
        Template::parse(BUILT_IN, TEMPLATE)
    }
}

/// Renders a template for an environment of this name.
///
/// # Errors
/// Whatever the template or its parameters have wrong.
pub fn render(
    template: &Template,
    name: &str,
    environment: &Environment,
) -> Result<Rendered, Mistakes> {
    let mut inputs = environment.inputs(name);
    let revised: Vec<_> = REVISIONS
        .iter()
        .filter(|(parameter, ..)| template.parameters().contains_key(*parameter))
        .collect();
    let first = template.render(&inputs)?;
    for (parameter, logical_id, properties) in &revised {
        let Some(resource) = first.resources.get(*logical_id) else {
            continue;
        };
        let fixed: IndexMap<_, _> = properties
            .iter()
            .filter_map(|name| Some((*name, json(resource.properties.get(name)?))))
            .collect();
        let salt = if *parameter == API { API } else { "" };
        let revision = hash(&format!("{salt}{}", serde_json::json!(fixed)));
        let value = Value::Scalar(Scalar::text(revision));
        inputs.parameters.insert(
            (*parameter).to_owned(),
            Node {
                value,
                origin: Origin::default(),
            },
        );
    }
    if revised.is_empty() {
        Ok(first)
    } else {
        template.render(&inputs)
    }
}

/// Renders a template of anyone's with parameters given by hand.
///
/// # Errors
/// Whatever the template or its parameters have wrong.
pub fn render_with(
    template: &Template,
    parameters: &[(String, String)],
    region: Option<&str>,
) -> Result<Rendered, Mistakes> {
    let given = |text: &str| Node {
        value: Value::Scalar(Scalar::text(text)),
        origin: Origin::default(),
    };
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.clone(), given(value)))
        .collect();
    let mut inputs = Inputs {
        parameters,
        ..Inputs::default()
    };
    if let Some(region) = region {
        inputs.region(&given(region));
    }
    template.render(&inputs)
}

/// Six hexadecimal digits that differ where the text does (FNV-1a, 64 bits, folded to 24): the same
/// for every release of this program, since another name is another load balancer.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{:06x}", (hash ^ (hash >> 24) ^ (hash >> 48)) & 0xff_ffff)
}
