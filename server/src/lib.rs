//! A Socket.IO service that delivers each message at its moment, at least once until acknowledged.
//!
//! A backend posts a message over HTTP (`api`); the store keeps it (`store`); each node delivers it
//! to the sockets that it has (`delivery`), which `admission` let in through `connection`, `engine`
//! and `socketio`. `node` puts a node together.
//!
//! What is absent: no node leads, none claims a message, and no delivery depends on an orderly end
//! of a node.

pub mod admission;
pub mod api;
pub mod backends;
pub mod ban;
pub mod ban_exchange;
pub mod clock;
pub mod connection;
pub mod delivery;
pub mod emf;
pub mod engine;
mod http_client;
pub mod keys;
pub mod log_queue;
mod masked_headers;
mod memory;
pub mod message;
pub mod metrics;
pub mod names;
pub mod node;
mod origin;
pub mod otlp;
pub mod problem;
pub mod purge;
pub mod receipts;
pub mod recipients;
pub mod reload;
pub mod rules;
pub mod settings;
pub mod socketio;
pub mod store;
pub mod task_metadata;
mod task_protection;
pub mod tasks;
pub mod tokens;
