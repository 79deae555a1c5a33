//! One primary of the store: its connections, what it has of the store, and how full it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

use super::link::Link;
use super::names::Layout;
use super::whereabouts::{Address, Whereabouts};
use super::writer::Writer;
use crate::store::Parts;
use crate::tasks::Tasks;

/// From this share of its memory on, Redis is not given new messages: receipts and keys need the
/// rest.
const FULL_PERCENT: u64 = 90;
/// From this share on, messages that have ended are forgotten at once.
const SHORT_PERCENT: u64 = 80;

/// A primary of the store.
pub(super) struct Primary {
    /// Its place in a cluster; none of the only one.
    pub(super) address: Option<Address>,
    pub(super) whereabouts: Whereabouts,
    /// Calls that need no confirmation.
    pub(super) calls: Arc<Link>,
    pub(super) writer: Writer,
    pub(super) memory: Memory,
    parts: watch::Sender<Parts>,
}

/// How full it is.
#[derive(Default)]
pub(super) struct Memory {
    /// How much of its memory it has used, if it has a bound.
    pub(super) percent: AtomicU64,
    /// Whether it drops messages when its memory is full.
    pub(super) drops: AtomicBool,
}

impl Primary {
    /// A primary that is connected once it has parts.
    pub(super) fn start(
        address: Option<Address>,
        whereabouts: Whereabouts,
        layout: Layout,
        trouble: &Arc<Notify>,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let parts = watch::Sender::new(Parts::NONE);
        let link = || {
            Link::start(
                whereabouts.clone(),
                parts.subscribe(),
                trouble.clone(),
                tasks,
            )
        };
        Arc::new(Self {
            calls: link(),
            writer: Writer::start(link(), layout, tasks),
            address,
            whereabouts,
            memory: Memory::default(),
            parts,
        })
    }

    /// What it has of the store.
    pub(super) fn parts(&self) -> Parts {
        *self.parts.borrow()
    }

    /// The same, to be told when it changes.
    pub(super) fn watch(&self) -> watch::Receiver<Parts> {
        self.parts.subscribe()
    }

    /// Notes what it has. Returns whether that is news.
    pub(super) fn has(&self, parts: Parts) -> bool {
        self.parts.send_if_modified(|known| {
            let is_new = *known != parts;
            *known = parts;
            is_new
        })
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        match &self.address {
            Some((host, port)) => format!("{host}:{port}"),
            None => "the primary".to_owned(),
        }
    }
}

impl Memory {
    pub(super) fn is_full(&self) -> bool {
        self.percent.load(Ordering::Relaxed) >= FULL_PERCENT
    }

    pub(super) fn is_short(&self) -> bool {
        self.percent.load(Ordering::Relaxed) >= SHORT_PERCENT
    }
}
