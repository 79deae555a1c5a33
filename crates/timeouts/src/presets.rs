//! What servers do when nobody tells them anything, each value with its source.

use crate::grammar::SERVED_PATHS;
use crate::setting::DefaultValue::{self, List, Seconds, Text};
use crate::{Place, Setting, Value};

/// What a library's server does by itself.
#[derive(Debug)]
pub struct Preset {
    /// The name that a flag takes.
    pub name: &'static str,
    /// The library and its release.
    pub title: &'static str,
    /// Its defaults, each with the address of its source.
    values: &'static [(Setting, DefaultValue, &'static str)],
    /// Whether it is this project's own server.
    own: bool,
}

const SOCKET_IO: &str = "https://socket.io/docs/v4/server-options/";
const BUN_ENGINE: &str = "https://github.com/socketio/bun-engine";
const BUN_SERVE: &str = "https://bun.com/docs/api/http";
const NODE_KEEP_ALIVE: &str = "https://nodejs.org/api/http.html#serverkeepalivetimeout";
const NODE_HEADERS: &str = "https://nodejs.org/api/http.html#serverheaderstimeout";
const PYTHON: &str = "https://python-socketio.readthedocs.io/en/stable/api.html";
const UVICORN: &str = "https://www.uvicorn.org/settings/#timeouts";
const SOCKETIOXIDE: &str =
    "https://docs.rs/socketioxide/latest/socketioxide/struct.SocketIoBuilder.html";
const BOTH: DefaultValue = List(&["polling", "websocket"]);
const NEW_CLIENTS: DefaultValue = List(&["5"]);

/// The servers that are known, by name.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "socketio-node",
        title: "socket.io 4 on Node.js",
        own: false,
        values: &[
            (Setting::PingInterval, Seconds(25), SOCKET_IO),
            (Setting::PingTimeout, Seconds(20), SOCKET_IO),
            (Setting::UpgradeTimeout, Seconds(10), SOCKET_IO),
            (Setting::JoinTimeout, Seconds(45), SOCKET_IO),
            (Setting::Transports, BOTH, SOCKET_IO),
            (Setting::Protocols, NEW_CLIENTS, SOCKET_IO),
            (Setting::SocketPath, Text("/socket.io"), SOCKET_IO),
            (Setting::CorsOrigins, List(&[]), SOCKET_IO),
            (Setting::KeepAlive, Seconds(5), NODE_KEEP_ALIVE),
            (Setting::HeadersTimeout, Seconds(60), NODE_HEADERS),
        ],
    },
    Preset {
        name: "socketio-bun",
        title: "socket.io 4 with Bun's engine",
        own: false,
        values: &[
            (Setting::PingInterval, Seconds(25), BUN_ENGINE),
            (Setting::PingTimeout, Seconds(20), BUN_ENGINE),
            (Setting::UpgradeTimeout, Seconds(10), BUN_ENGINE),
            (Setting::Transports, BOTH, BUN_ENGINE),
            (Setting::Protocols, NEW_CLIENTS, BUN_ENGINE),
            (Setting::SocketPath, Text("/socket.io"), BUN_ENGINE),
            (Setting::CorsOrigins, List(&[]), BUN_ENGINE),
            (Setting::KeepAlive, Seconds(10), BUN_SERVE),
        ],
    },
    Preset {
        name: "python-socketio",
        title: "python-socketio 5 with uvicorn",
        own: false,
        values: &[
            (Setting::PingInterval, Seconds(25), PYTHON),
            (Setting::PingTimeout, Seconds(20), PYTHON),
            (Setting::Transports, BOTH, PYTHON),
            (Setting::Protocols, NEW_CLIENTS, PYTHON),
            (Setting::SocketPath, Text("/socket.io"), PYTHON),
            (Setting::CorsOrigins, List(&[]), PYTHON),
            (Setting::KeepAlive, Seconds(5), UVICORN),
        ],
    },
    Preset {
        name: "socketioxide",
        title: "socketioxide",
        own: false,
        values: &[
            (Setting::PingInterval, Seconds(25), SOCKETIOXIDE),
            (Setting::PingTimeout, Seconds(20), SOCKETIOXIDE),
            (Setting::JoinTimeout, Seconds(45), SOCKETIOXIDE),
            (Setting::Transports, BOTH, SOCKETIOXIDE),
            (Setting::Protocols, NEW_CLIENTS, SOCKETIOXIDE),
            (Setting::SocketPath, Text("/socket.io"), SOCKETIOXIDE),
        ],
    },
    Preset {
        name: "holdfast",
        title: "Holdfast's server",
        own: true,
        values: &[(Setting::Protocols, List(&["4", "5"]), "")],
    },
];

/// The preset of this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

impl Preset {
    /// The defaults, each with a place that names the library and the source.
    pub fn defaults(&self) -> impl Iterator<Item = (Setting, Value, Place)> {
        let stated = self.values.iter().map(|(setting, value, source)| {
            let place = match *source {
                "" => format!("default of {}", self.title),
                source => format!("default of {} ({source})", self.title),
            };
            (*setting, value.value(), Place::named(place))
        });
        stated.chain(self.own_defaults())
    }

    /// What this project's server takes where its variables are not set.
    fn own_defaults(&self) -> impl Iterator<Item = (Setting, Value, Place)> {
        let place = || Place::named(format!("default of {}", self.title));
        let settings = Setting::of_server().filter(|_| self.own);
        let served = self.own.then(|| {
            (
                Setting::ServedPaths,
                SERVED_PATHS.as_slice().into(),
                place(),
            )
        });
        settings
            .filter_map(move |setting| Some((setting, setting.default_value()?, place())))
            .filter(|(setting, ..)| *setting != Setting::BindPort)
            .chain(served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_legal_and_have_a_source() {
        for preset in PRESETS {
            for (setting, value, place) in preset.defaults() {
                assert!(value.is(setting.spec().kind), "{}: {setting}", preset.name);
                assert_eq!(setting.admits(value), Ok(()), "{}: {setting}", preset.name);
                let cited = place.to_string().contains("https://");
                assert!(cited || preset.own, "{}: {setting}", preset.name);
            }
        }
    }
}
