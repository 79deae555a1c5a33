//! Figures, not judgements: what a message costs with more and more nodes and in its whole life,
//! what a node pays for announcements that are none of its business, and what a message and a
//! receipt take of Redis's memory.

mod announcements;
mod commands;
mod console;
mod directory;
mod load;
mod memory;
mod nodes;
mod plot;
mod sample;
mod shards;
mod store;

use std::io::Write as _;
use std::path::Path;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bench {
    /// CPU and Redis operations of a message with 1, 2, 4 and 8 nodes.
    Nodes,
    /// What a message asks of Redis in its whole life, by command, with 3 nodes.
    Commands,
    /// What the stores do for a message, a join and idle nodes, without clients.
    Store,
    /// The same load on one primary and on a cluster of three.
    Shards,
    /// CPU of a node for announcements of channels that it does not have.
    Announcements,
    /// What a console costs a node with 9,000 connections and 1,000 messages a second.
    Console,
    /// Redis's memory for a live message, an ended one, a receipt and a key.
    Memory,
}

impl Bench {
    /// Measures and prints; with `svg`, draws into this file too.
    ///
    /// # Errors
    /// When something does not start, or breaks; or its figures are no picture.
    pub(crate) async fn run(self, svg: Option<&Path>) -> anyhow::Result<()> {
        anyhow::ensure!(
            svg.is_none() || matches!(self, Self::Nodes | Self::Console),
            "--svg draws the figures of `nodes` or of `console`"
        );
        match self {
            Self::Nodes => nodes::run(svg).await,
            Self::Commands => commands::run().await,
            Self::Store => {
                store::run().await?;
                directory::run().await
            }
            Self::Shards => shards::run().await,
            Self::Announcements => announcements::run().await,
            Self::Console => console::run(svg).await,
            Self::Memory => memory::run().await,
        }
    }
}

fn print(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
