//! The server's own settings: the environment of its container, where it is the server of this
//! project.

use timeouts::Setting::{self, *};
use timeouts::{Kind, Place, Value, grammar};

use aws_model::{Container, Field, NotSeen, Variable};

use super::view::View;

/// What rules want to know of its variables.
const SETTINGS: [Setting; 10] = [
    PingInterval,
    PingTimeout,
    KeepAlive,
    JoinTimeout,
    Drain,
    Transports,
    SocketPath,
    CorsOrigins,
    BindPort,
    Store,
];

/// Whether a container is the server: no other has keys of backends or a `SOCKET_PATH`.
pub(super) fn is_ours(container: &Container) -> bool {
    const OURS: [&str; 3] = ["S2S_KEYS", "S2S_KEYS_FILE", "SOCKET_PATH"];
    let variables = container.environment.items().iter();
    let mut names = variables
        .filter_map(|variable| variable.name.as_str())
        .chain(container.secrets.iter().map(String::as_str));
    names.any(|name| OURS.contains(&name))
}

/// Reads the server's container; `direct` says that the load balancer sends to it, without a proxy
/// in between.
pub(super) fn read(view: &mut View<'_, '_>, container: &Container, direct: bool) {
    if let Some(planned) = container.label("connections-per-task") {
        view.field(ConnectionsPerTask, &planned.clone().parse::<u64>());
    }
    if !is_ours(container) {
        return;
    }
    let place = view.place(&container.place);
    let built_in = || Place::named("the server").through(place.clone());
    view.see_at(Protocols, ["4", "5"].as_slice(), built_in());
    view.see_at(ServedPaths, grammar::SERVED_PATHS.as_slice(), built_in());
    for setting in SETTINGS {
        if setting == BindPort && !direct {
            continue;
        }
        let name = setting.spec().variable.unwrap_or_default();
        let variable = container.variable(name);
        match variable.filter(|variable| !variable.value.is_not_stated()) {
            Some(variable) => stated(view, setting, variable),
            None if hides_variables(container) => {
                view.reading.hide(setting, "variables that only AWS knows");
            }
            None => {
                if let Some(value) = setting.default_value() {
                    let place = Place::named(format!("default of the server's {name}"))
                        .through(place.clone());
                    view.see_at(setting, value, place);
                }
            }
        }
    }
}

/// Whether a container may have variables that are not seen.
fn hides_variables(container: &Container) -> bool {
    let unseen = |variable: &Variable| matches!(variable.name, Field::NotSeen(_));
    match &container.environment {
        _ if container.has_files => true,
        Field::Stated(variables, _) => variables.iter().any(unseen),
        Field::NotStated(_) => false,
        Field::NotSeen(_) => true,
    }
}

fn stated(view: &mut View<'_, '_>, setting: Setting, variable: &Variable) {
    let beginning = match &variable.value {
        // Of a store's address the beginning is enough, and its host is often known to AWS alone.
        Field::NotSeen(NotSeen::OnlyAwsKnows(place, _)) if setting == Store => {
            variable.beginning.as_ref().map(|text| (text, place))
        }
        Field::Stated(text, place) => Some((text, place)),
        _ => None,
    };
    let Some((text, place)) = beginning else {
        return view.field(setting, &variable.value);
    };
    if setting == Store
        && let Some(protocol) = protocol(text)
    {
        view.see(StoreProtocol, protocol, place);
    }
    match parse(setting, text) {
        Some(value) => view.see(setting, value, place),
        None => {
            let place = view.place(place);
            view.reading
                .hide(setting, format!("what {place} says cannot be read"));
        }
    }
}

/// How a server speaks to its Redis, by the beginning of the URL.
fn protocol(store: &str) -> Option<&'static str> {
    match store.split(':').next()? {
        "redis" | "rediss" => Some("single"),
        "redis+cluster" | "rediss+cluster" => Some("cluster"),
        "redis+sentinel" | "rediss+sentinel" => Some("sentinel"),
        _ => None,
    }
}

/// A variable's value. Rules judge what the server itself would refuse, such as a value out of
/// range.
fn parse(setting: Setting, text: &str) -> Option<Value> {
    match setting {
        BindPort => text
            .rsplit(':')
            .next()?
            .parse::<u64>()
            .ok()
            .map(Value::from),
        Store => {
            let scheme = text.split(':').next()?;
            Some(protocol(text).map_or(scheme, |_| "redis").into())
        }
        _ => match setting.spec().kind {
            Kind::Duration => grammar::duration(text).ok().map(Value::from),
            Kind::List => {
                let items: Vec<_> = grammar::items(text).map(str::to_owned).collect();
                Some(items.into())
            }
            Kind::Text => Some(text.into()),
            _ => None,
        },
    }
}
