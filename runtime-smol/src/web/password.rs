//! Passwords of workers: argon2id in the PHC string format, `$argon2id$v=19$m=...,t=...,p=...$salt$hash`.
//!
//! A hash decides what its verification costs, and hashes come from a file somebody wrote: what is dearer than [`MEMORY_KIB_MAX`] and [`PASSES_MAX`] is refused
//! when the file is read, so that logins cannot starve the machine.
use argon2::password_hash::{Ident, PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Argon2, Params};

/// Most memory of one verification, KiB.
const MEMORY_KIB_MAX: u32 = 128 << 10;
/// Most passes of one verification.
const PASSES_MAX: u32 = 16;
/// Shortest password that is hashed; nothing shorter withstands guessing even slowly.
pub(crate) const BYTES_MIN: usize = 8;
/// Longest password, bytes.
pub(crate) const BYTES_MAX: usize = 1024;

/// Whether `hash` can be verified here at a bearable cost.
///
/// # Errors
/// What is wrong, to follow the name of the column.
pub(crate) fn check(hash: &str) -> Result<(), String> {
    let parsed = PasswordHash::new(hash).map_err(|fault| format!("is not a hash in PHC form ({fault})"))?;
    if parsed.algorithm != Ident::new_unwrap("argon2id") {
        return Err(format!("is made by `{}`, it must be `argon2id`", parsed.algorithm));
    }
    let params = Params::try_from(&parsed).map_err(|fault| format!("has parameters that cannot be used ({fault})"))?;
    if params.m_cost() > MEMORY_KIB_MAX {
        return Err(format!("needs {} KiB for each login, the limit is {MEMORY_KIB_MAX}", params.m_cost()));
    }
    if params.t_cost() > PASSES_MAX {
        return Err(format!("needs {} passes for each login, the limit is {PASSES_MAX}", params.t_cost()));
    }
    if parsed.hash.is_none() {
        return Err("has no hash in it".into());
    }
    Ok(())
}

/// A hash of `password` with the library's recommended cost.
///
/// # Errors
/// One sentence: the password is too short or too long, or there is no randomness.
pub(crate) fn hash(password: &str) -> Result<String, String> {
    if !(BYTES_MIN..=BYTES_MAX).contains(&password.len()) {
        return Err(format!("the password is {} bytes, it must be {BYTES_MIN} to {BYTES_MAX}", password.len()));
    }
    let seed = crate::entropy::os_seed().map_err(|why| format!("/dev/urandom cannot be read: {why}"))?;
    let salt = SaltString::encode_b64(&seed.0[..16]).map_err(|fault| fault.to_string())?;
    Argon2::default().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|fault| fault.to_string())
}

/// Whether the password is the one that was hashed. Takes its time: call it on the pool.
pub(crate) fn is_right(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// `hash-password`: reads a password from standard input, prints the hash.
pub(crate) fn run() -> crate::cli::Exit {
    use std::io::{IsTerminal as _, Read as _};
    if std::io::stdin().is_terminal() {
        eprintln!("The password, then Ctrl-D (it is shown while you type):");
    }
    let mut text = String::new();
    if let Err(why) = std::io::stdin().lock().take(BYTES_MAX as u64 + 3).read_to_string(&mut text) {
        eprintln!("the password cannot be read: {why}");
        return crate::cli::Exit::Failed;
    }
    match hash(text.trim_end_matches(['\r', '\n'])) {
        Ok(hash) => {
            crate::say_out(&format!("{hash}\n"));
            crate::cli::Exit::Fine
        }
        Err(why) => {
            eprintln!("{why}");
            crate::cli::Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_is_recognised_and_nothing_else() {
        let made = hash("correct horse").unwrap();
        assert_eq!(check(&made), Ok(()));
        assert!(is_right("correct horse", &made));
        assert!(!is_right("correct horse ", &made) && !is_right("", &made));
        assert_ne!(made, hash("correct horse").unwrap(), "each has its own salt");
        assert!(hash("short").unwrap_err().contains("5 bytes"));
    }

    #[test]
    fn dear_and_foreign_hashes_are_refused() {
        let made = hash("correct horse").unwrap();
        for (from, to, expected) in [
            ("m=19456", "m=4000000", "4000000 KiB"),
            ("t=2", "t=1000", "1000 passes"),
            ("argon2id", "argon2i", "must be `argon2id`"),
            ("$argon2id", "argon2id", "not a hash in PHC form"),
        ] {
            let why = check(&made.replace(from, to)).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
