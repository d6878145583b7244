//! The page's own files: embedded, compressed once at start, kept by browsers for ever.
//!
//! Every file is there under its name, to be asked for again each time (`ETag`), and under `/a/HASH/`, for ever, where HASH is made from all files together. Links
//! between files that begin with `/` are turned to the latter, so a new version of the daemon is a new set of addresses.
use super::answer::Reply;
use super::request::Asked;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

struct Asset {
    media_type: &'static str,
    etag: String,
    plain: Bytes,
    /// Where it is smaller.
    gzip: Option<Bytes>,
}

/// The files.
pub(super) struct Assets {
    by_name: BTreeMap<&'static str, Asset>,
    /// `/a/HASH/`
    prefix: String,
}

impl Assets {
    /// Compresses the embedded files.
    pub(super) fn new() -> Self {
        let mut hasher = Sha256::new();
        for (name, bytes) in FILES {
            hasher.update(name);
            hasher.update(bytes);
        }
        let prefix = format!("/a/{}/", hex(&hasher.finalize()[..8]));
        let by_name = FILES.iter().map(|(name, bytes)| (*name, asset(name, bytes, &prefix))).collect();
        Self { by_name, prefix }
    }
}

fn asset(name: &str, bytes: &[u8], prefix: &str) -> Asset {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let plain: Vec<u8> = match (ending, std::str::from_utf8(bytes)) {
        ("html" | "js" | "css", Ok(text)) => with_lasting_links(text, prefix).into_bytes(),
        _ => bytes.to_vec(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let gzip = encoder.write_all(&plain).and_then(|()| encoder.finish()).ok().filter(|gzip| gzip.len() < plain.len());
    Asset { media_type: media_type(ending), etag: format!("\"{}\"", hex(&Sha256::digest(&plain)[..12])), plain: plain.into(), gzip: gzip.map(Bytes::from) }
}

/// Turns `"/NAME"` of every embedded file into `"/a/HASH/NAME"`.
fn with_lasting_links(text: &str, prefix: &str) -> String {
    let mut text = text.to_owned();
    for (name, _) in FILES.iter().filter(|(name, _)| !name.ends_with(".html")) {
        for quote in ['"', '\''] {
            text = text.replace(&format!("{quote}/{name}{quote}"), &format!("{quote}{prefix}{name}{quote}"));
        }
        text = text.replace(&format!("url(/{name})"), &format!("url({prefix}{name})"));
    }
    text
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn media_type(ending: &str) -> &'static str {
    match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "webmanifest" => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

/// A file of the page.
pub(super) fn answer(assets: &Assets, asked: &Asked) -> Reply {
    if asked.method != Method::GET && asked.method != Method::HEAD {
        return super::answer::json_error(405, "method", "files can be read, not changed").header(ALLOW, "GET, HEAD");
    }
    let (name, caching) = match asked.path.strip_prefix(&assets.prefix) {
        Some(name) => (name, FOR_EVER),
        // Of an older daemon, by a page that is still open: the newest one is better than none.
        None if asked.path.starts_with("/a/") => (asked.path.splitn(4, '/').nth(3).unwrap_or_default(), ASK_AGAIN),
        None => (asked.path.trim_start_matches('/'), ASK_AGAIN),
    };
    // Pages of the client have addresses of their own.
    let name = if name.is_empty() || ["login", "supervisor", "board", "history"].contains(&name) { "index.html" } else { name };
    let found = assets.by_name.get(name).or_else(|| assets.by_name.get(&*format!("{name}.html")));
    let Some(asset) = found else {
        return super::answer::json_error(404, "unknown", "there is nothing at this address");
    };
    let same = asked.header(&IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag));
    let reply = if same {
        Reply::new(304)
    } else {
        let wants_gzip = asked.header(&ACCEPT_ENCODING).is_some_and(|list| list.split(',').any(|coding| is_gzip(coding.trim())));
        match asset.gzip.as_ref().filter(|_| wants_gzip) {
            Some(gzip) => Reply::with(200, asset.media_type, gzip.clone()).header(CONTENT_ENCODING, "gzip"),
            None => Reply::with(200, asset.media_type, asset.plain.clone()),
        }
    };
    reply.header(ETAG, asset.etag.clone()).header(CACHE_CONTROL, caching).header(VARY, "Accept-Encoding")
}

/// `gzip`, unless its weight says that it is not wanted.
fn is_gzip(coding: &str) -> bool {
    let (name, weight) = coding.split_once(';').map_or((coding, ""), |(name, weight)| (name.trim(), weight.trim()));
    name.eq_ignore_ascii_case("gzip") && !matches!(weight.trim_start_matches("q=").trim_end_matches('0'), "" | "0." if !weight.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_links_to_lasting_addresses() {
        let assets = Assets::new();
        let index = &assets.by_name["index.html"];
        let text = std::str::from_utf8(&index.plain).unwrap();
        assert!(text.contains(&assets.prefix), "{text}");
        let weight: usize = assets.by_name.iter().filter(|(name, _)| !name.starts_with("i18n/")).map(|(_, a)| a.gzip.as_ref().unwrap_or(&a.plain).len()).sum();
        assert!(weight < 80 << 10, "{weight} bytes");
    }

    #[test]
    fn gzip_is_sent_to_those_who_want_it() {
        for (coding, wanted) in [("gzip", true), ("GZIP;q=0.5", true), ("gzip;q=0", false), ("gzip; q=0.0", false), ("br", false), ("gzip;q=1.0", true)] {
            assert_eq!(is_gzip(coding), wanted, "{coding}");
        }
    }
}
