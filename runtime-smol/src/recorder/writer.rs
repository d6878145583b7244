//! The half of the flight recorder that touches the disk, on a thread of its own: writes blocks, begins the next file, removes old ones.
use super::{RecordOptions, journals};
use crate::journal::{Field, MAGIC, Tag, put_record};
use crate::say;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use uc_core::{Connector, Now};

/// File names begin and end like this; between are the time the process started recording, its number, and the number of the file.
pub(crate) const PREFIX: &str = "journal-";
/// See [`PREFIX`].
pub(crate) const SUFFIX: &str = ".ucj";

/// What the deciding thread hands over.
pub(super) enum Job {
    /// Records.
    Block(Vec<u8>),
    /// The last records of this file, and what the next one begins from.
    Next(Vec<u8>, Box<(Connector, Now)>),
}

/// Writes the files of one run.
pub(super) struct Writer {
    options: RecordOptions,
    /// Time and process: the same in all names of this run.
    run: String,
    part: u32,
    path: PathBuf,
    file: File,
    /// Bytes with which the present file began: configuration and checkpoint.
    began: Arc<AtomicU64>,
}

impl Writer {
    /// Opens the first file of a run in the directory (made if need be) and removes the oldest ones.
    ///
    /// # Errors
    /// When the directory or the file cannot be written.
    pub(super) fn open(options: &RecordOptions, began: Arc<AtomicU64>) -> io::Result<Self> {
        fs::create_dir_all(&options.dir)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:015}-{}", now.as_millis(), std::process::id());
        let (path, file) = begin(options, &run, 1)?;
        Ok(Self { options: options.clone(), run, part: 1, path, file, began })
    }

    /// The present file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does all jobs, and gives their blocks back; ends, with an alarm, when the disk fails.
    pub(super) fn work(mut self, jobs: Receiver<Job>, written: SyncSender<Vec<u8>>) {
        for job in jobs {
            match self.job(job) {
                // Enough are on their way back: this one is not needed.
                Ok(block) => drop(written.try_send(block)),
                Err(why) => return say::alarm(&format!("the journal {} ends here: {why}", self.path.display())),
            }
        }
    }

    fn job(&mut self, job: Job) -> io::Result<Vec<u8>> {
        match job {
            Job::Block(block) => self.file.write_all(&block).map(|()| block),
            Job::Next(last, from) => {
                self.file.write_all(&last)?;
                let beginning = resume(&from.0, from.1).ok_or_else(|| io::Error::other("no checkpoint could be taken"))?;
                drop(from);
                self.part += 1;
                (self.path, self.file) = begin(&self.options, &self.run, self.part)?;
                self.began.store((MAGIC.len() + beginning.len()) as u64, Ordering::Relaxed);
                self.file.write_all(&beginning).map(|()| last)
            }
        }
    }
}

/// The first record of a file that goes on where another ended.
fn resume(connector: &Connector, now: Now) -> Option<Vec<u8>> {
    let checkpoint = connector.checkpoint()?;
    let mut out = Vec::new();
    put_record(&mut out, Tag::Resume, |out| {
        now.mono.0.put(out);
        now.unix_ms.put(out);
        connector.directory().config().put(out);
        checkpoint.as_slice().put(out);
    });
    Some(out)
}

/// Makes room for one more file, and makes it.
fn begin(options: &RecordOptions, run: &str, part: u32) -> io::Result<(PathBuf, File)> {
    let mut old = journals(&options.dir)?;
    while old.len() >= options.files_max.max(1) {
        fs::remove_file(old.remove(0))?;
    }
    let path = options.dir.join(format!("{PREFIX}{run}-{part:06}{SUFFIX}"));
    // Names and presence are nobody else's business.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(MAGIC)?;
    Ok((path, file))
}

/// Whether `next` is the file that follows `path` in the same run, by their names.
pub(crate) fn follows(path: &Path, next: &Path) -> bool {
    let split = |path: &Path| {
        let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let (run, part) = name.rsplit_once('-')?;
        Some((run.to_owned(), part.parse::<u32>().ok()?))
    };
    matches!((split(path), split(next)), (Some((run, part)), Some((same, following))) if run == same && part.checked_add(1) == Some(following))
}
