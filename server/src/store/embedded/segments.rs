//! The journal's files. Segments hold changes in the order in which they were made; a snapshot
//! holds what all segments up to its number came to, and makes them superfluous.
//!
//! A file is a row of frames: length, checksum, changes. A crash may leave half a frame at the end
//! of a segment, which nobody was told of: a reading ends there. Nothing is ever appended to a
//! segment of an earlier process. Damage anywhere else is an error.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use super::change::Change;
use super::codec::{self, Decoder};

/// Frames that are read ahead of what is carried out.
const FRAMES: usize = 4;
/// A snapshot's frames hold about so many bytes.
const SNAPSHOT_FRAME: usize = 256 << 10;

/// A directory with the journal's files, which is this process's alone.
#[derive(Debug)]
pub(super) struct Segments {
    directory: PathBuf,
    _lock: File,
}

/// A segment that is being written.
pub(super) struct Segment {
    pub(super) number: u64,
    file: File,
    pub(super) length: u64,
    frame: Vec<u8>,
}

impl Segments {
    /// Takes the directory, which is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be written, or another process has it.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let lock = File::create(directory.join("lock"))?;
        lock.try_lock()?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Reads everything that was written, in order. Returns the number of the last file.
    ///
    /// # Errors
    /// When a file cannot be read, or is damaged.
    pub(super) fn read(&self, mut change: impl FnMut(&Change)) -> io::Result<u64> {
        let (frames, read) = mpsc::sync_channel(FRAMES);
        // To read a million messages takes as long as to put them into the indexes.
        thread::scope(|scope| {
            let reader = thread::Builder::new().name("read".into());
            let reader = reader.spawn_scoped(scope, move || self.read_into(&frames))?;
            read.iter().flatten().for_each(|read| change(&read));
            let ended = reader.join();
            ended.unwrap_or_else(|_| Err(io::Error::other("the reading of the journal has ended")))
        })
    }

    fn read_into(&self, frames: &SyncSender<Vec<Change>>) -> io::Result<u64> {
        let snapshot = self.numbers("snapshot")?.into_iter().max();
        let mut segments = self.numbers("journal")?;
        segments.sort_unstable();
        segments.retain(|number| Some(*number) > snapshot);
        if let Some(number) = snapshot {
            read_file(&self.path("snapshot", number), false, frames)?;
        }
        for number in &segments {
            read_file(&self.path("journal", *number), true, frames)?;
        }
        Ok(segments.last().copied().max(snapshot).unwrap_or(0))
    }

    /// Begins a segment.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn begin(&self, number: u64) -> io::Result<Segment> {
        let path = self.path("journal", number);
        let file = File::options().create_new(true).append(true).open(path)?;
        self.sync()?;
        Ok(Segment {
            number,
            file,
            length: 0,
            frame: Vec::new(),
        })
    }

    /// Writes what all segments up to `number` came to, and deletes those. Returns its bytes.
    ///
    /// # Errors
    /// When it cannot be written; the segments stay then.
    pub(super) fn snapshot(
        &self,
        number: u64,
        changes: impl Iterator<Item = Change>,
    ) -> io::Result<u64> {
        let unfinished = self.directory.join("unfinished");
        let length = write_snapshot(&unfinished, changes).inspect_err(|_| {
            // On a full disk, its part would take the space that everybody waits for.
            let _ = fs::remove_file(&unfinished);
        })?;
        fs::rename(&unfinished, self.path("snapshot", number))?;
        self.sync()?;
        self.delete_before(number)?;
        Ok(length)
    }

    fn delete_before(&self, snapshot: u64) -> io::Result<()> {
        for number in self.numbers("journal")? {
            if number <= snapshot {
                fs::remove_file(self.path("journal", number))?;
            }
        }
        for number in self.numbers("snapshot")? {
            if number < snapshot {
                fs::remove_file(self.path("snapshot", number))?;
            }
        }
        Ok(())
    }

    fn numbers(&self, kind: &str) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| {
                let number = name.strip_prefix(kind)?.strip_prefix('-')?;
                number.parse::<u64>().ok()
            });
            numbers.extend(number);
        }
        Ok(numbers)
    }

    fn path(&self, kind: &str, number: u64) -> PathBuf {
        self.directory.join(format!("{kind}-{number:010}"))
    }

    /// Has the directory's list of files on the disk.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

impl Segment {
    /// Appends changes, and returns once they are on the disk.
    ///
    /// # Errors
    /// When they may not be: nothing more may be appended then.
    pub(super) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut frame = begin_frame(std::mem::take(&mut self.frame));
        changes
            .iter()
            .for_each(|change| codec::encode(change, &mut frame));
        self.length += write_frame(&mut self.file, &mut frame)?;
        self.frame = frame;
        self.file.sync_data()
    }
}

/// Writes changes into a file, and has them on the disk. Returns its bytes.
fn write_snapshot(path: &Path, changes: impl Iterator<Item = Change>) -> io::Result<u64> {
    let (mut file, mut length) = (File::create(path)?, 0);
    let mut frame = begin_frame(Vec::new());
    for change in changes {
        codec::encode(&change, &mut frame);
        if frame.len() > SNAPSHOT_FRAME {
            length += write_frame(&mut file, &mut frame)?;
            frame = begin_frame(frame);
        }
    }
    length += write_frame(&mut file, &mut frame)?;
    file.sync_all()?;
    Ok(length)
}

/// An empty frame, with room for length and checksum.
fn begin_frame(mut frame: Vec<u8>) -> Vec<u8> {
    frame.clear();
    frame.extend([0; 8]);
    frame
}

/// Writes a frame; an empty one is left out. Returns its bytes.
fn write_frame(file: &mut impl Write, frame: &mut [u8]) -> io::Result<u64> {
    let Some((head, payload)) = frame.split_first_chunk_mut::<8>() else {
        return Ok(0);
    };
    if payload.is_empty() {
        return Ok(0);
    }
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    file.write_all(frame)?;
    Ok(u64::from(length) + 8)
}

/// What stands at a place in a file.
enum Frame {
    /// A frame of so many bytes.
    Whole(u64),
    /// A frame that its process did not finish: nothing follows it.
    Unfinished,
    Damaged,
}

/// Reads the changes of a file, whose last frame may be unfinished if `unfinished`.
///
/// # Errors
/// When the file cannot be read, or is damaged: going on would lose what its frames hold.
fn read_file(path: &Path, unfinished: bool, frames: &SyncSender<Vec<Change>>) -> io::Result<()> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 20, file);
    let (mut left, mut payload) = (length, Vec::new());
    while left > 0 {
        match read_frame(&mut file, left, &mut payload)? {
            Frame::Whole(size) => left -= size,
            Frame::Unfinished if unfinished => {
                tracing::warn!(path = %path.display(), "the journal ends within a change");
                return Ok(());
            }
            Frame::Unfinished | Frame::Damaged => {
                return Err(io::Error::other(format!(
                    "{} is damaged at byte {}. Restore the directory from a backup, or move this \
                     file away to start without what it holds",
                    path.display(),
                    length - left
                )));
            }
        }
        let mut decoder = Decoder::new(&payload);
        // It fails where nobody carries them out any more.
        let _ = frames.send(std::iter::from_fn(|| decoder.next()).collect());
        if !decoder.is_empty() {
            return Err(io::Error::other(format!(
                "{} was written by a later release",
                path.display()
            )));
        }
    }
    Ok(())
}

fn read_frame(file: &mut impl Read, left: u64, payload: &mut Vec<u8>) -> io::Result<Frame> {
    let mut head = [0; 8];
    if left < head.len() as u64 {
        return Ok(Frame::Unfinished);
    }
    file.read_exact(&mut head)?;
    let [a, b, c, d, e, f, g, h] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    let size = u64::from(length) + 8;
    // A frame is never empty: there the disk has the file's length and not its bytes.
    if length == 0 || size > left {
        return Ok(Frame::Unfinished);
    }
    payload.resize(length as usize, 0);
    file.read_exact(payload)?;
    let sum = u32::from_le_bytes([e, f, g, h]);
    Ok(if crc32fast::hash(payload) == sum {
        Frame::Whole(size)
    } else if size == left {
        Frame::Unfinished
    } else {
        Frame::Damaged
    })
}
