//! The timeout rules over the server's own settings: what it can see at its start, in the words of
//! `deployer check`.

use timeouts::{Level, Place, Reading, Setting, Value};

use crate::settings::{Settings, StoreSettings};

/// What the server knows: its own settings, and the load balancer's idle timeout where the deployer
/// has said it.
fn reading(settings: &Settings) -> Reading {
    let mut reading = Reading::new("this server");
    let mut see = |setting: Setting, value: Value| {
        reading.see(setting, value, Place::variable(setting));
    };
    see(Setting::PingInterval, settings.ping_interval.into());
    see(Setting::PingTimeout, settings.ping_timeout.into());
    see(Setting::KeepAlive, settings.keep_alive.into());
    see(Setting::JoinTimeout, settings.join_timeout.into());
    see(Setting::Drain, settings.drain.into());
    see(Setting::MaxPayload, (settings.max_payload as u64).into());
    see(Setting::MaxMessage, (settings.max_message as u64).into());
    see(Setting::SocketPath, settings.socket_path.clone().into());
    see(Setting::Transports, settings.transports.names().into());
    let protocols = ["4", "5"].map(str::to_owned).to_vec();
    see(Setting::Protocols, protocols.into());
    see(Setting::BindPort, u64::from(settings.bind.port()).into());
    let origins = settings
        .cors_origins
        .iter()
        .map(|o| String::from_utf8_lossy(o.as_bytes()).into_owned());
    see(Setting::CorsOrigins, origins.collect::<Vec<_>>().into());
    let store = match settings.store {
        StoreSettings::Memory => "memory",
        StoreSettings::File(_) => "file",
        StoreSettings::Redis(_) => "redis",
    };
    see(Setting::Store, store.into());
    if let Some(idle_timeout) = settings.idle_timeout {
        see(Setting::IdleTimeout, idle_timeout.into());
    }
    reading
}

/// Runs the rules. Warnings are logged; so are errors, where the settings allow them.
///
/// # Errors
/// Every violated rule that stops a start, as text.
pub fn check(settings: &Settings) -> Result<(), String> {
    let report = timeouts::check(&reading(settings));
    let mut errors = Vec::new();
    for finding in &report.findings {
        match finding.level() {
            Level::Error if !settings.allow_rule_violations => errors.push(finding.to_string()),
            Level::Error => tracing::error!(rule = finding.rule.name, "{finding}"),
            Level::Warning => tracing::warn!(rule = finding.rule.name, "{finding}"),
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    errors.push("set ALLOW_RULE_VIOLATIONS=true to start anyway".to_owned());
    Err(errors.join("\n"))
}
