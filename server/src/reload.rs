//! Reads the file of backend keys again when it changes, so that keys are rotated without a
//! restart.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::backends::BackendKeys;
use crate::keys::sha256;

/// From one look at the file to the next. SIGHUP makes it look at once.
const LOOK: Duration = Duration::from_secs(5);

/// Listens for SIGHUP, looks at the file, and returns the work, which does not end and takes every
/// change since this look. Without a file, SIGHUP is taken all the same: it must not end the
/// process.
///
/// # Errors
/// When the signal cannot be listened for.
pub fn watch(keys: BackendKeys) -> io::Result<impl Future<Output = ()> + Send> {
    let hangup = signal(SignalKind::hangup())?;
    let known = keys
        .file()
        .and_then(|file| std::fs::read_to_string(file).ok());
    Ok(look(keys, hangup, known.map(digest)))
}

async fn look(keys: BackendKeys, mut hangup: Signal, mut known: Option<[u8; 32]>) {
    let Some(file) = keys.file().map(Path::to_owned) else {
        loop {
            hangup.recv().await;
            tracing::info!("SIGHUP: no backend keys to read again without S2S_KEYS_FILE");
        }
    };
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let text = match tokio::fs::read_to_string(&file).await {
            Ok(text) => text,
            Err(error) => {
                // Once for each time it goes away; the keys that are known stay.
                if known.take().is_some() || asked {
                    tracing::error!(%error, "S2S_KEYS_FILE cannot be read; the keys stay as they \
                                             are");
                }
                continue;
            }
        };
        let found = Some(digest(&text));
        if found == known && !asked {
            continue;
        }
        known = found;
        match keys.replace(&text) {
            Ok(count) => tracing::info!(count, "backend keys read again"),
            Err(mistake) => {
                tracing::error!(mistake, "S2S_KEYS_FILE is wrong; the keys stay as they are");
            }
        }
    }
}

fn digest(text: impl AsRef<str>) -> [u8; 32] {
    sha256(text.as_ref())
}
