//! The description of what pages ask for (OpenAPI), kept by hand. A test here holds its addresses to those in the code; `tests/tests/schemathesis.rs` holds the daemon to it.
use super::answer::{JSON, Reply, json_error};
use super::request::Asked;
use hyper::Method;
use hyper::header::ALLOW;

/// Where it is. It says nothing that the page does not tell everybody, so it needs no login.
pub(super) const PATH: &str = "/api/openapi.json";

const OPENAPI: &str = include_str!("openapi.json");

/// Answers a request for it.
pub(super) fn answer(asked: &Asked) -> Reply {
    if asked.method == Method::GET { Reply::with(200, JSON, OPENAPI) } else { json_error(405, "method", "this address takes GET").header(ALLOW, "GET") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Every address below `/api/` that stands as a text in the code of this room, without what begins others.
    fn in_code() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let code = fs::read_to_string(&path).unwrap();
            let code = code.split("#[cfg(test)]").next().unwrap();
            let texts = code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| line.split('"').skip(1).step_by(2));
            found.extend(texts.filter(|text| text.len() > "/api/".len() && text.starts_with("/api/")).map(str::to_owned));
        }
        found
    }

    #[test]
    fn every_address_of_the_code_is_described_and_every_described_one_is_in_the_code() {
        let described: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        // What follows a parameter is not a text of its own in the code.
        let described: BTreeSet<String> = described["paths"].as_object().unwrap().keys().map(|path| path.split('{').next().unwrap().to_owned()).collect();
        assert_eq!(described, in_code());
    }
}
