//! Lints the source tree by text, where Clippy cannot name the thing: rooms stay closed, files stay readable, nothing of this machine is committed.
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Every source file of the rooms, with its path relative to the root.
fn sources(extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["core", "runtime-smol", "runtime-sim", "tests", "bench", "docs", ".ci"].iter().map(|room| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target" && name != "artifacts" && name != "corpus") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
                let text = fs::read_to_string(&path).expect("a source file is text");
                found.push((path.strip_prefix(root()).expect("inside").display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 10, "the tree was not found");
    found.sort();
    found
}

/// Lines of `text` that are neither comment nor test module, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn forbid(room: &str, words: &[(&str, &str)]) {
    let mut broken = Vec::new();
    for (path, text) in sources(&["rs"]).iter().filter(|(path, _)| path.starts_with(room) && !path.contains("/tests")) {
        for (n, line) in code_lines(text) {
            for (word, why) in words {
                if line.contains(word) {
                    broken.push(format!("{path}:{n}: `{word}`: {why}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_core_has_no_clock_no_threads_no_sockets() {
    forbid(
        "core/src",
        &[
            ("extern crate std", "the core is no_std"),
            ("std::", "the core is no_std; use core:: or alloc::"),
            ("HashMap", "iteration order is not deterministic"),
            ("unsafe ", "no unsafe code"),
            ("CallId::default", "reads the system's random source"),
            ("Branch::default", "reads the system's random source"),
            ("Tag::default", "reads the system's random source"),
            ("f64", "no floats in decisions"),
            ("f32", "no floats in decisions"),
        ],
    );
}

#[test]
fn rsip_and_quick_xml_stay_in_the_codecs() {
    let mut broken = Vec::new();
    for (path, text) in sources(&["rs"]) {
        let home = |word: &str| match word {
            "rsip::" => path.starts_with("core/src/codec/sip"),
            _ => path.starts_with("core/src/codec/xml"),
        };
        let judged_elsewhere = path.starts_with("bench/") || path.starts_with("tests/");
        for (n, line) in code_lines(&text) {
            for word in ["rsip::", "quick_xml::"] {
                if line.contains(word) && !home(word) && !judged_elsewhere {
                    broken.push(format!("{path}:{n}: {word}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_simulator_has_no_clock_no_sockets() {
    let mut broken = Vec::new();
    for (path, text) in
        sources(&["rs"]).iter().filter(|(path, _)| path.starts_with("runtime-sim/src") && !path.ends_with("main.rs") && !path.ends_with("src/recovery.rs"))
    {
        for (n, line) in code_lines(text) {
            for word in ["std::time", "std::net::Tcp", "std::thread", "HashMap", "smol", "SystemTime"] {
                if line.contains(word) {
                    broken.push(format!("{path}:{n}: {word}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn files_stay_readable_and_finished() {
    let mut broken = Vec::new();
    for (path, text) in sources(&["rs", "js"]) {
        let lines = text.lines().count();
        if lines > 800 {
            broken.push(format!("{path}: {lines} lines; split it"));
        }
        if path.ends_with(".rs") && !text.starts_with("//!") && !text.starts_with("#!") {
            broken.push(format!("{path}: begins without saying what it is"));
        }
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            for word in ["TODO", "FIXME", "todo!(", "unimplemented!(", "#[ignore", "#[should_panic", "thread::sleep", "dbg!("] {
                if line.contains(word) && !line.contains("tidy: ") {
                    broken.push(format!("{path}:{}: {word}", n + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn nothing_of_a_machine_is_committed() {
    let mut broken = Vec::new();
    for (path, text) in sources(&["rs", "js", "md", "toml", "sh", "html", "css"]) {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            if ["/work/", "/root/", "/home/"].iter().any(|word| line.contains(word)) {
                broken.push(format!("{path}:{}: a path of a machine", n + 1));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
