//! The way of log lines to stderr: a bounded queue and a thread of its own, so that a log that
//! nobody reads holds nobody up. A line that finds no room is dropped and counted.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use prometheus_client::metrics::counter::Counter;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lines in so short a time from which on they gather before they are written together: each would
/// wake the thread once more.
const MANY: u32 = 16;
const SHORT: Duration = Duration::from_millis(100);
/// For how long they gather then.
const GATHER: Duration = Duration::from_millis(10);
/// Bytes that are written at once, if no line is longer.
const AT_ONCE: usize = 16 << 10;
/// Lines and bytes that may wait.
const MOST_LINES: usize = 8_192;
const MOST_BYTES: usize = 4 << 20;

enum Entry {
    Line(Box<[u8]>),
    /// Everything before it is to be written; then its sender is told.
    Flush(SyncSender<()>),
}

struct Shared {
    queue: SyncSender<Entry>,
    bytes: Arc<AtomicUsize>,
    /// Lines that tell of ordinary events, and of what is wrong: a flood of the first does not hide
    /// the second.
    ordinary: Option<DefaultDirectRateLimiter>,
    urgent: Option<DefaultDirectRateLimiter>,
    dropped: Counter,
    shown: OnceLock<Counter>,
}

/// The bounded queue of log lines.
#[derive(Clone)]
pub struct LogQueue(Arc<Shared>);

impl LogQueue {
    /// Starts the thread that writes to `output`. At most `lines_per_second` lines below the level
    /// `warn` are taken, and as many of that level and above; `None` means all.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        output: impl Write + Send + 'static,
        lines_per_second: Option<u32>,
    ) -> io::Result<Self> {
        let (queue, entries) = sync_channel(MOST_LINES);
        let bytes = Arc::new(AtomicUsize::new(0));
        let waiting = bytes.clone();
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write(&entries, output, &waiting))?;
        let limiter = || {
            let rate = NonZeroU32::new(lines_per_second?)?;
            Some(RateLimiter::direct(Quota::per_second(rate)))
        };
        Ok(Self(Arc::new(Shared {
            queue,
            bytes,
            ordinary: limiter(),
            urgent: limiter(),
            dropped: Counter::default(),
            shown: OnceLock::new(),
        })))
    }

    /// Counts dropped lines in `counter` as well, those dropped so far included.
    pub fn count_in(&self, counter: Counter) {
        counter.inc_by(self.0.dropped.get());
        let _ = self.0.shown.set(counter);
    }

    /// Waits until what was logged so far is written, at most so long. False if it is not.
    pub fn flush(&self, most: Duration) -> bool {
        let (written, is_written) = sync_channel(1);
        // A full queue has nobody who reads.
        let sent = self.0.queue.try_send(Entry::Flush(written));
        sent.is_ok() && is_written.recv_timeout(most).is_ok()
    }

    fn push(&self, line: &[u8], level: Level) {
        let shared = &self.0;
        let limiter = match level <= Level::WARN {
            true => &shared.urgent,
            false => &shared.ordinary,
        };
        if limiter.as_ref().is_some_and(|l| l.check().is_err()) {
            return self.drop_line();
        }
        self.write_line(line);
    }

    /// Takes a line that does not count towards those of a second.
    pub fn write_line(&self, line: &[u8]) {
        let shared = &self.0;
        if shared.bytes.fetch_add(line.len(), Ordering::AcqRel) + line.len() > MOST_BYTES {
            shared.bytes.fetch_sub(line.len(), Ordering::AcqRel);
            return self.drop_line();
        }
        match shared.queue.try_send(Entry::Line(line.into())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                shared.bytes.fetch_sub(line.len(), Ordering::AcqRel);
                self.drop_line();
            }
        }
    }

    fn drop_line(&self) {
        self.0.dropped.inc();
        if let Some(counter) = self.0.shown.get() {
            counter.inc();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread is the log's own: no runtime waits for it"
)]
fn write(entries: &Receiver<Entry>, mut output: impl Write, waiting: &AtomicUsize) {
    let (mut lines, mut since, mut count, mut gathers) = (Vec::new(), Instant::now(), 0, false);
    let mut write = |lines: &mut Vec<u8>| {
        // Nothing can be done about a closed stderr.
        let _ = output.write_all(lines).and_then(|()| output.flush());
        waiting.fetch_sub(lines.len(), Ordering::AcqRel);
        lines.clear();
    };
    while let Ok(first) = entries.recv() {
        for entry in std::iter::once(first).chain(entries.try_iter()) {
            match entry {
                Entry::Line(line) => {
                    lines.extend_from_slice(&line);
                    count += 1;
                }
                Entry::Flush(written) => {
                    write(&mut lines);
                    let _ = written.send(());
                }
            }
            if lines.len() >= AT_ONCE {
                write(&mut lines);
            }
        }
        write(&mut lines);
        if since.elapsed() > SHORT {
            gathers = count > MANY && since.elapsed() < 2 * SHORT;
            (since, count) = (Instant::now(), 0);
        }
        if gathers {
            std::thread::sleep(GATHER);
        }
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            queue: self,
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            queue: self,
            level: *metadata.level(),
        }
    }
}

/// Takes one line, which the subscriber writes as a whole.
pub struct LineWriter<'a> {
    queue: &'a LogQueue,
    level: Level,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(line, self.level);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    /// Writes into memory, once it is let.
    struct Output {
        gate: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // After the other end is gone, everything passes.
            let _ = self.gate.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_holds_nobody_up_and_what_is_dropped_is_counted() {
        let (open, gate) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let output = Output {
            gate,
            written: written.clone(),
        };
        let queue = LogQueue::start(output, None).unwrap();
        let total = 2 * MOST_LINES as u64;
        for _ in 0..total {
            queue.push(b"line\n", Level::INFO);
        }
        let dropped = queue.0.dropped.get();
        // Beside those that wait, those that are being written.
        let written_at_once = (AT_ONCE / 5 + 1) as u64;
        assert!(
            dropped >= total - MOST_LINES as u64 - written_at_once,
            "{dropped}"
        );
        assert!(!queue.flush(Duration::from_millis(10)), "nobody reads");
        let shown = Counter::default();
        queue.count_in(shown.clone());
        assert_eq!(shown.get(), dropped);
        drop(open);
        while !queue.flush(Duration::from_secs(20)) {}
        let kept = written.lock().unwrap().len() as u64 / 5;
        assert_eq!(kept + dropped, total);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let (_open, gate) = channel();
        let output = Output {
            gate,
            written: Arc::default(),
        };
        let queue = LogQueue::start(output, None).unwrap();
        for _ in 0..100 {
            queue.push(&[b'x'; 1 << 20], Level::INFO);
        }
        assert!(queue.0.bytes.load(Ordering::Acquire) <= MOST_BYTES);
        assert!(queue.0.dropped.get() >= 95);
    }

    #[test]
    fn a_flood_of_ordinary_lines_hides_no_warning() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let (_, gate) = channel();
        let output = Output {
            gate,
            written: written.clone(),
        };
        let queue = LogQueue::start(output, Some(10)).unwrap();
        for _ in 0..1_000 {
            queue.push(b"i\n", Level::INFO);
        }
        queue.push(b"warning\n", Level::WARN);
        assert!(queue.flush(Duration::from_secs(20)));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with("warning\n"), "{text}");
        assert!(text.lines().count() < 500, "{}", text.lines().count());
    }
}
