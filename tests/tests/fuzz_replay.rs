//! The bodies of the fuzz targets on the stable compiler: over the corpus, over what fuzzing has found (`tests/fuzz/seeds`), and over seeded mutations of both.
#![allow(clippy::unwrap_used)]
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Mutations of each body.
const MUTATIONS: usize = 1000;
/// Larger inputs are for the fuzzer, not for every test run.
const BYTES_MAX: usize = 16 << 10;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files below the folders, those with names too; in order.
fn files(folders: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut open: Vec<PathBuf> = folders.iter().map(|f| root().join(f)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// One to four changes: a byte, a piece cut out, a piece doubled, a piece of another input.
fn mutate(random: &mut Random, inputs: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = inputs[random.below(inputs.len())].1.clone();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = b"\0\r\n \t\":;<>/=,0A\xC3\xFF"[random.below(17)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &inputs[random.below(inputs.len())].1;
                let from = random.below(other.len());
                let piece = other[from..(from + 64).min(other.len())].to_vec();
                bytes.splice(at..end, piece);
            }
        }
    }
    bytes
}

/// Runs `body` over every input and over mutations; names what made it panic.
fn replay(body: fn(&[u8]), mut inputs: Vec<(PathBuf, Vec<u8>)>, mutations: usize) {
    assert!(!inputs.is_empty());
    inputs.retain(|(_, bytes)| bytes.len() <= BYTES_MAX);
    for (path, bytes) in &inputs {
        assert!(catch_unwind(|| body(bytes)).is_ok(), "{}", path.display());
    }
    let mut random = Random(1);
    for n in 0..mutations {
        let bytes = mutate(&mut random, &inputs);
        if catch_unwind(|| body(&bytes)).is_err() {
            let kept = std::env::temp_dir().join(format!("uc-fuzz-{n}"));
            fs::write(&kept, &bytes).unwrap();
            panic!("mutation {n} breaks a property; it is kept in {}, its place is tests/fuzz/seeds", kept.display());
        }
    }
}

/// Bodies of the messages: what follows the empty line.
fn bodies(mut inputs: Vec<(PathBuf, Vec<u8>)>) -> Vec<(PathBuf, Vec<u8>)> {
    for (_, bytes) in &mut inputs {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            bytes.drain(..at + 4);
        }
    }
    inputs
}

/// Transcripts without the marks of who speaks.
fn lines(mut inputs: Vec<(PathBuf, Vec<u8>)>) -> Vec<(PathBuf, Vec<u8>)> {
    for (_, bytes) in &mut inputs {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let lines: Vec<&str> = text.lines().filter(|l| l.get(1..2).is_some_and(|mark| mark == ">" || mark == "<")).map(|l| &l[2..]).collect();
        *bytes = (lines.join("\n") + "\n").into_bytes();
    }
    inputs
}

#[test]
fn sip() {
    replay(uc_core::codec::sip::fuzz, files(&["corpus/sip", "corpus/sip-bad", "corpus/kamailio", "corpus/sipe", "tests/fuzz/seeds/sip"]), MUTATIONS);
}

#[test]
fn xml() {
    let mut inputs = bodies(files(&["corpus/sip", "corpus/sip-bad", "corpus/sipe", "corpus/kamailio"]));
    inputs.extend(files(&["tests/fuzz/seeds/xml"]));
    replay(uc_core::codec::xml::fuzz, inputs, MUTATIONS);
}

#[test]
fn bridge() {
    let mut inputs = lines(files(&["corpus/bridge"]));
    inputs.extend(files(&["tests/fuzz/seeds/bridge"]));
    replay(uc_core::codec::cti::fuzz_bridge, inputs, MUTATIONS);
}

#[test]
fn router() {
    let mut inputs = lines(files(&["corpus/bridge"]));
    inputs.extend(files(&["tests/fuzz/seeds/bridge", "tests/fuzz/seeds/router"]));
    replay(uc_core::codec::cti::fuzz_router, inputs, MUTATIONS);
}

#[test]
fn layout() {
    replay(uc_core::codec::cti::fuzz_layout, files(&["corpus/tlib", "tests/fuzz/seeds/layout"]), MUTATIONS);
}

/// Mutations are the business of `sim_sweep.rs`, which knows what is open.
#[test]
fn world() {
    replay(uc_runtime_sim::run::fuzz_world, files(&["tests/fuzz/seeds/world"]), 0);
}
