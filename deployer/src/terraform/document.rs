//! The parts of a plan or a state that are read: resources with their values, and how they are
//! written.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// The types that are read; `aws_alb` and its kin are other names of `aws_lb`.
const KINDS: [&str; 15] = [
    "aws_lb",
    "aws_lb_target_group",
    "aws_lb_listener",
    "aws_lb_listener_rule",
    "aws_lb_target_group_attachment",
    "aws_autoscaling_attachment",
    "aws_lb_listener_certificate",
    "aws_ecs_express_gateway_service",
    "aws_ecs_service",
    "aws_ecs_task_definition",
    "aws_appautoscaling_target",
    "aws_subnet",
    "aws_elasticache_replication_group",
    "aws_cloudfront_distribution",
    "aws_wafv2_web_acl_association",
];

/// A resource of a plan or a state.
pub(super) struct Found<'a> {
    /// `module.web.aws_lb.this[0]`.
    pub(super) address: &'a str,
    /// The address of its module; empty for the root.
    pub(super) module: String,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    /// Its key among those of one `count` or `for_each`.
    pub(super) index: Option<&'a Value>,
    pub(super) values: &'a Value,
    /// Which values are not known: `true`, or the same shape as the values.
    pub(super) unknown: &'a Value,
    /// How it is written; none in a state.
    pub(super) written: Option<&'a Value>,
}

/// A plan or a state.
pub(super) struct Document<'a> {
    pub(super) found: Vec<Found<'a>>,
    configuration: Option<&'a Value>,
    /// The resources of a module, whatever the key of its instance, by type and name.
    named: HashMap<String, HashMap<(&'a str, &'a str), Vec<usize>>>,
    by_arn: HashMap<&'a str, usize>,
}

impl<'a> Document<'a> {
    pub(super) fn of(json: &'a Value) -> Option<Self> {
        let values = json.get("planned_values").or_else(|| json.get("values"))?;
        let root = values.get("root_module")?;
        let configuration = json.pointer("/configuration/root_module");
        let changes = json.get("resource_changes").and_then(Value::as_array);
        let unknown: BTreeMap<&str, &Value> = changes
            .into_iter()
            .flatten()
            .filter_map(|change| {
                let address = change.get("address")?.as_str()?;
                Some((address, change.pointer("/change/after_unknown")?))
            })
            .collect();
        let mut document = Self {
            found: Vec::new(),
            configuration,
            named: HashMap::new(),
            by_arn: HashMap::new(),
        };
        document.collect(root, &unknown);
        document.index();
        Some(document)
    }

    fn index(&mut self) {
        for (at, one) in self.found.iter().enumerate() {
            let module = module_names(&one.module).join(".");
            let named = self.named.entry(module).or_default();
            named.entry((one.kind, one.name)).or_default().push(at);
            if let Some(arn) = one.values.get("arn").and_then(Value::as_str) {
                self.by_arn.entry(arn).or_insert(at);
            }
        }
    }

    /// Whether a type is one of those that are read.
    pub(super) fn reads(kind: &str) -> bool {
        KINDS.contains(&kind.replace("aws_alb", "aws_lb").as_str())
    }

    /// The resources of a type and a name in the instances of a module.
    pub(super) fn named(&self, module: &str, kind: &str, name: &str) -> Vec<&Found<'a>> {
        let named = self.named.get(&module_names(module).join("."));
        let found = named.and_then(|named| named.get(&(kind, name)));
        let found = found.into_iter().flatten();
        found.filter_map(|at| self.found.get(*at)).collect()
    }

    /// The resource that has an ARN.
    pub(super) fn with_arn(&self, arn: &str) -> Option<&Found<'a>> {
        self.found.get(*self.by_arn.get(arn)?)
    }

    fn collect(&mut self, module: &'a Value, unknown: &BTreeMap<&str, &'a Value>) {
        let address = module.get("address").and_then(Value::as_str).unwrap_or("");
        let written: HashMap<&str, &'a Value> = self
            .module(address)
            .into_iter()
            .flat_map(|module| list(module, "resources"))
            .filter_map(|one| Some((one.get("address")?.as_str()?, one)))
            .collect();
        for resource in list(module, "resources") {
            if resource.get("mode").and_then(Value::as_str) == Some("data") {
                continue;
            }
            let text = |key: &str| resource.get(key).and_then(Value::as_str);
            let (Some(full), Some(kind), Some(name)) =
                (text("address"), text("type"), text("name"))
            else {
                continue;
            };
            if !Self::reads(kind) {
                continue;
            }
            self.found.push(Found {
                address: full,
                module: address.to_owned(),
                kind,
                name,
                index: resource.get("index"),
                values: resource.get("values").unwrap_or(&Value::Null),
                unknown: unknown.get(full).copied().unwrap_or(&Value::Null),
                written: written.get(format!("{kind}.{name}").as_str()).copied(),
            });
        }
        for child in list(module, "child_modules") {
            self.collect(child, unknown);
        }
    }

    /// How a module is written, by its address.
    pub(super) fn module(&self, address: &str) -> Option<&'a Value> {
        let names = module_names(address);
        names.iter().try_fold(self.configuration?, |module, name| {
            module
                .get("module_calls")?
                .get(name.as_str())?
                .get("module")
        })
    }

    /// How the module is called, and the address of its caller.
    pub(super) fn call(&self, address: &str) -> Option<(&'a Value, String)> {
        let parent = parent(address)?;
        let names = module_names(address);
        let calls = self.module(&parent)?.get("module_calls")?;
        Some((calls.get(names.last()?.as_str())?, parent))
    }
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let items = value.get(key).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// The steps of an address: dots within the brackets of a `for_each` key divide nothing.
pub(super) fn steps(address: &str) -> Vec<&str> {
    let (mut steps, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_u32, false);
    for (at, c) in address.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            '.' if depth == 0 && !quoted => {
                steps.push(address.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    steps.push(address.get(start..).unwrap_or_default());
    steps
}

/// The names of the modules of an address, without the keys of their instances.
fn module_names(address: &str) -> Vec<String> {
    let steps = steps(address);
    let mut names = Vec::new();
    let mut rest = steps.iter();
    while let (Some(&"module"), Some(name)) = (rest.next(), rest.next()) {
        names.push(name.split('[').next().unwrap_or(name).to_owned());
    }
    names
}

/// The address of the module that calls this one; none for the root.
fn parent(address: &str) -> Option<String> {
    let steps = steps(address);
    let above = steps.len().checked_sub(2)?;
    Some(steps.get(..above)?.join("."))
}
