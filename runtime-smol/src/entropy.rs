//! The operating system's entropy, read once: everything random in the core follows from this seed, so that a recorded run can be repeated.
use std::fs::File;
use std::io::{self, Read as _};
use uc_core::entropy::Seed;

/// 256 bits from the operating system.
///
/// # Errors
/// When `/dev/urandom` cannot be read; there is nothing to fall back on.
pub(crate) fn os_seed() -> io::Result<Seed> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(Seed(bytes))
}
