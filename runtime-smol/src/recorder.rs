//! The flight recorder (`run --record DIR`): writes the journal described in [`crate::journal`].
//!
//! Records are collected in blocks; a thread of its own writes them, so that a slow disk never holds up presence. If the disk falls so far behind that
//! [`BLOCKS_MAX`] blocks wait, the journal ends there and says so: one with a hole could not be replayed.
//!
//! A file that reaches its limit is followed by another one, which begins with the configuration and a checkpoint of the core, so that each can be replayed
//! alone. The deciding thread only copies the core (memory to memory); the copy is printed, the file changed and the oldest one removed on the recorder's thread.
mod writer;

pub(crate) use writer::follows;

use crate::journal::hash::ActionHash;
use crate::journal::{Ending, Field, HASH_EVERY, MAGIC, Tag, cti, preview, put_record, uc};
use crate::say;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use uc_core::entropy::Seed;
use uc_core::{Action, Config, Connector, Input, Now};
use writer::{Job, PREFIX, SUFFIX, Writer};

/// One block, bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// Blocks waiting for the disk.
const BLOCKS_MAX: usize = 64;
/// Written blocks kept for use again: fresh memory of this size costs the deciding thread a page fault for every 4 KiB.
const SPARES_MAX: usize = 2;
/// A block that is not full is written after this long.
const FLUSH_MS: u64 = 500;

/// Where to record, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordOptions {
    /// Directory.
    pub(crate) dir: PathBuf,
    /// Files kept in the directory, the new one included: `--record-keep`.
    pub(crate) files_max: usize,
    /// One file, bytes: `--record-max-mib`.
    pub(crate) bytes_max: u64,
}

impl RecordOptions {
    /// In `dir`, with the usual limits: 8 files of 1 GiB.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), files_max: 8, bytes_max: 1 << 30 }
    }
}

/// A journal being written.
pub(crate) struct Recorder {
    block: Vec<u8>,
    jobs: Option<SyncSender<Job>>,
    spares: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<()>>,
    /// The first file of this run.
    path: PathBuf,
    now: Now,
    flushed_ms: u64,
    /// Of the present file.
    inputs: u64,
    /// Of the present file.
    actions: ActionHash,
    /// Of the present file, without what it began with.
    file_bytes: u64,
    /// With what it began; the writer knows.
    began: Arc<AtomicU64>,
    bytes_max: u64,
    /// Of all files of this run.
    bytes: u64,
}

impl Recorder {
    /// Opens a new file in the directory (made if need be) and removes the oldest ones.
    ///
    /// # Errors
    /// When the directory or the file cannot be written.
    pub(crate) fn open(options: &RecordOptions) -> io::Result<Self> {
        let began = Arc::new(AtomicU64::new(MAGIC.len() as u64));
        let writer = Writer::open(options, Arc::clone(&began))?;
        let path = writer.path().to_owned();
        let (jobs, waiting) = sync_channel(BLOCKS_MAX);
        let (written, spares) = sync_channel(SPARES_MAX);
        let writer = std::thread::Builder::new().name("uc-recorder".into()).spawn(move || writer.work(waiting, written))?;
        Ok(Self {
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            jobs: Some(jobs),
            spares,
            writer: Some(writer),
            path,
            now: Now::default(),
            flushed_ms: 0,
            inputs: 0,
            actions: ActionHash::default(),
            file_bytes: 0,
            began,
            bytes_max: options.bytes_max,
            bytes: 0,
        })
    }

    /// The file this run begins with.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether inputs are still recorded: not any more when the disk was too slow, or failed.
    pub(crate) const fn is_recording(&self) -> bool {
        self.jobs.is_some()
    }

    /// Bytes recorded so far, in all files of this run.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records what the core starts from.
    pub(crate) fn start(&mut self, seed: &Seed, now: Now, config: &Config) {
        self.now = now;
        put_record(&mut self.block, Tag::Start, |out| {
            out.extend_from_slice(&seed.0);
            now.mono.0.put(out);
            now.unix_ms.put(out);
            config.put(out);
        });
    }

    /// Records one input; `frame` is the SIP message at hand.
    pub(crate) fn input(&mut self, now: Now, input: &Input<'_>, frame: &[u8]) {
        if self.jobs.is_none() {
            return;
        }
        let out = &mut self.block;
        if now != self.now {
            self.now = now;
            put_record(out, Tag::Time, |out| {
                now.mono.0.put(out);
                now.unix_ms.put(out);
            });
        }
        match input {
            Input::Wake => put_record(out, Tag::Wake, |_| {}),
            Input::Uc { link, event } => uc::put(*link, event, frame, out),
            Input::Cti { link, event } => cti::put(*link, event, out),
            Input::Reconfigure(config) => put_record(out, Tag::Reconfigure, |out| config.put(out)),
            Input::Worker { user, command } => put_record(out, Tag::Worker, |out| {
                user.0.put(out);
                command.put(out);
            }),
            Input::Restore { user, choice } => put_record(out, Tag::Restore, |out| {
                user.0.put(out);
                choice.put(out);
            }),
            Input::Router(event) => preview::put_router(event, out),
            Input::Page { user, event } => preview::put_page(*user, *event, out),
            Input::Drain { within_ms } => put_record(out, Tag::Drain, |out| within_ms.put(out)),
        }
        self.inputs += 1;
    }

    /// Takes in one action of the last input.
    pub(crate) fn action(&mut self, action: &Action, connector: &Connector) {
        if self.jobs.is_some() {
            self.actions.add(action, connector);
        }
    }

    /// The last input and its actions are complete; `connector` is what came of them.
    pub(crate) fn settled(&mut self, connector: &Connector) {
        if self.inputs.is_multiple_of(HASH_EVERY) {
            self.put_hash();
        }
        if self.block.len() >= BLOCK_BYTES || self.now.mono.0 >= self.flushed_ms + FLUSH_MS {
            self.flush();
            if self.is_full() {
                self.next_file(connector);
            }
        }
    }

    fn put_hash(&mut self) {
        let (inputs, actions, hash) = (self.inputs, self.actions.count, self.actions.value());
        put_record(&mut self.block, Tag::Hash, |out| {
            inputs.put(out);
            actions.put(out);
            hash.put(out);
        });
    }

    fn put_end(&mut self, why: Ending) {
        self.put_hash();
        put_record(&mut self.block, Tag::End, |out| out.push(Ending::ALL.iter().position(|e| *e == why).unwrap_or(0) as u8));
    }

    fn flush(&mut self) {
        self.flushed_ms = self.now.mono.0;
        let Some(jobs) = &self.jobs else { return self.block.clear() };
        if self.block.is_empty() {
            return;
        }
        let bytes = self.block.len() as u64;
        match jobs.try_send(Job::Block(std::mem::replace(&mut self.block, spare(&self.spares)))) {
            Ok(()) => {
                self.file_bytes += bytes;
                self.bytes += bytes;
            }
            Err(TrySendError::Full(job)) => {
                say::alarm(&format!("the disk cannot keep up with the journals in {}; recording ends here", self.path.with_file_name("").display()));
                if let Job::Block(block) = job {
                    self.block = block;
                }
                self.end(Ending::Behind);
            }
            // The writer said why it stopped.
            Err(TrySendError::Disconnected(_)) => self.jobs = None,
        }
    }

    /// Whether it is time for the next file. However small the limit, a file holds at least as much as it began with: otherwise large companies would write
    /// checkpoints only.
    fn is_full(&self) -> bool {
        let began = self.began.load(Ordering::Relaxed);
        self.jobs.is_some() && began + self.file_bytes >= self.bytes_max.max(2 * began)
    }

    /// Ends this file and begins the next one with a copy of the core. When the disk is so busy that this must wait, the file grows until the next block.
    fn next_file(&mut self, connector: &Connector) {
        let Some(jobs) = self.jobs.clone() else { return };
        self.put_end(Ending::Full);
        let last = std::mem::take(&mut self.block);
        match jobs.try_send(Job::Next(last, Box::new((connector.clone(), self.now)))) {
            Ok(()) => {
                self.block = spare(&self.spares);
                (self.file_bytes, self.inputs, self.actions) = (0, 0, ActionHash::default());
            }
            Err(TrySendError::Full(Job::Next(mut last, _))) => {
                last.clear();
                self.block = last;
            }
            Err(_) => self.jobs = None,
        }
    }

    /// Ends the journal. The last block waits for the disk on a thread of its own, not here.
    fn end(&mut self, why: Ending) {
        self.put_end(why);
        let last = Job::Block(std::mem::take(&mut self.block));
        if let Some(jobs) = self.jobs.take() {
            let waiting = self.writer.take();
            let send = move || {
                // Fails only when the writer has stopped, and has said why.
                let _ = jobs.send(last);
                drop(jobs);
                waiting.map(JoinHandle::join)
            };
            self.writer = std::thread::Builder::new().name("uc-recorder-end".into()).spawn(move || drop(send())).ok();
        }
    }

    /// Ends the journal and waits until it is written.
    pub(crate) fn finish(mut self) {
        if self.jobs.is_some() {
            self.end(Ending::Finished);
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// An empty block: one that was written, or a new one.
fn spare(spares: &Receiver<Vec<u8>>) -> Vec<u8> {
    // One that grew, for a message of megabytes, is not kept.
    let used = spares.try_recv().ok().filter(|block| block.capacity() <= BLOCK_BYTES * 4);
    used.map_or_else(
        || Vec::with_capacity(BLOCK_BYTES * 2),
        |mut block| {
            block.clear();
            block
        },
    )
}

/// The journals in a directory, oldest first.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn journals(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
