//! Lists the files of the workers' page (`web/`), so that they are embedded without being named one by one.
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// What a browser gets; everything else in the folder (tests, type checks) stays out.
const ENDINGS: [&str; 11] = ["html", "js", "css", "json", "svg", "png", "ico", "wav", "mp3", "txt", "webmanifest"];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=web");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("web");
    let mut files = Vec::new();
    walk(&root, "", &mut files)?;
    files.sort();
    let mut list = String::from("/// Name and bytes of each.\npub(super) const FILES: &[(&str, &[u8])] = &[\n");
    for name in files {
        let _ = writeln!(list, "    ({name:?}, include_bytes!({:?})),", root.join(&name).display().to_string());
    }
    list.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("page_files.rs"), list)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_tool = name.starts_with(['.', '_'])
            || name.contains(".test.")
            || ["package.json", "package-lock.json", "tsconfig.json", "jsconfig.json"].contains(&&*name);
        if is_tool || ["node_modules", "test", "tests"].contains(&&*name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else if ENDINGS.iter().any(|ending| name.rsplit_once('.').is_some_and(|(_, e)| e == *ending)) {
            files.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
