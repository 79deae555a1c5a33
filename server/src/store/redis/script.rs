//! The scripts: each step that must be atomic, run inside Redis. They are called by their hash, so
//! that two releases with different scripts share a store without a word.

use std::sync::OnceLock;

use redis::{Cmd, Pipeline, cmd};

use super::names::Layout;
use crate::message::Mailbox;
use crate::store::Part;

/// A script's text and its hash.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hash: OnceLock<String>,
}

/// A script of a mailbox. Those that run when memory is full (`allow-oom`) free some, or note what
/// little must be noted.
macro_rules! mailbox_script {
    ($name:ident, $file:literal, $flags:literal) => {
        pub(super) static $name: Script = Script::new(concat!(
            "#!lua",
            $flags,
            "\n",
            include_str!("lua/prelude.lua"),
            include_str!(concat!("lua/", $file, ".lua"))
        ));
    };
}

macro_rules! plain_script {
    ($name:ident, $file:literal, $flags:literal) => {
        pub(super) static $name: Script = Script::new(concat!(
            "#!lua",
            $flags,
            "\n",
            include_str!(concat!("lua/", $file, ".lua"))
        ));
    };
}

mailbox_script!(PUBLISH, "publish", "");
mailbox_script!(RESTORE, "restore", " flags=allow-oom");
mailbox_script!(CANCEL, "cancel", " flags=allow-oom");
mailbox_script!(RECORD, "record", " flags=allow-oom");
mailbox_script!(NOTE, "note", " flags=allow-oom");
mailbox_script!(RETIRE, "retire", " flags=allow-oom");
mailbox_script!(BACKLOG, "backlog", " flags=allow-oom");
mailbox_script!(ADOPT, "adopt", " flags=allow-oom");
mailbox_script!(LIST, "list", " flags=no-writes");
mailbox_script!(TALLY, "tally", " flags=no-writes");
plain_script!(CONFIRM, "confirm", " flags=allow-oom");
plain_script!(PUT_KEY, "put_key", "");
plain_script!(REVOKE_KEY, "revoke_key", " flags=allow-oom");
plain_script!(CHANNELS, "channels", " flags=no-writes");
plain_script!(USE_KEYS, "use_keys", "");

static ALL: [&Script; 15] = [
    &PUBLISH,
    &RESTORE,
    &CANCEL,
    &RECORD,
    &NOTE,
    &RETIRE,
    &BACKLOG,
    &LIST,
    &TALLY,
    &ADOPT,
    &CONFIRM,
    &PUT_KEY,
    &REVOKE_KEY,
    &CHANNELS,
    &USE_KEYS,
];

impl Script {
    const fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: OnceLock::new(),
        }
    }

    /// A call of the script on these keys; arguments follow.
    pub(super) fn on(&self, keys: &[&str]) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(self.hash()).arg(keys.len()).arg(keys);
        call
    }

    /// A call of the script on a mailbox; arguments follow.
    pub(super) fn on_mailbox(&self, layout: Layout, mailbox: &Mailbox) -> Cmd {
        let part = layout.part_of(mailbox);
        let (prefix, ends, soon) = (
            layout.mailbox(mailbox),
            layout.ends(part),
            layout.soon(part),
        );
        self.on(&[&prefix, &ends, &soon])
    }

    fn hash(&self) -> &str {
        self.hash
            .get_or_init(|| redis::Script::new(self.text).get_hash().to_owned())
    }
}

/// A call that revokes a key: `delete`, or `spare` where the id may be barred. `bar` takes a record
/// and the most keys besides.
pub(super) fn revoking(layout: Layout, part: Part, id: &str, how: &str) -> Cmd {
    let of = layout.keys(part);
    let mut call = REVOKE_KEY.on(&[&of.records, &of.ids, &of.revoked, &of.channels, &of.uses]);
    call.arg(id).arg(layout.notices(part)).arg(how);
    call
}

/// Makes every script known to a server.
pub(super) fn load_all() -> Pipeline {
    let mut pipeline = redis::pipe();
    for script in ALL {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.text);
    }
    pipeline
}
