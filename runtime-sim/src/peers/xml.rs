//! The little XML that a Front End reads: the body of a batched SUBSCRIBE (`spec/ms-pres.md` 4.2), by a tag scanner of our own.

/// One `action` of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BatchAction {
    /// `unsubscribe` instead of `subscribe`.
    pub(super) unsubscribe: bool,
    /// `resource@uri`, unescaped, in order.
    pub(super) resources: Vec<String>,
    /// `category@name`, in order.
    pub(super) categories: Vec<String>,
}

/// Body of a category SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// `batchSub@uri`
    pub(super) uri: String,
    /// The actions, in order.
    pub(super) actions: Vec<BatchAction>,
}

const BATCH_NS: &str = "http://schemas.microsoft.com/2006/01/sip/batch-subscribe";
const CATEGORY_LIST_NS: &str = "http://schemas.microsoft.com/2006/09/sip/categorylist";

struct Tag<'a> {
    name: &'a str,
    attrs: Vec<(&'a str, String)>,
    close: bool,
    empty: bool,
}

impl Tag<'_> {
    fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }
}

/// Escapes text for element content and for attributes in either kind of quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';').ok_or("'&' without ';'")? + at;
        match &rest[at + 1..end] {
            "amp" => out.push('&'),
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            other => {
                let code = other.strip_prefix("#x").map_or_else(|| other.strip_prefix('#').and_then(|d| d.parse().ok()), |h| u32::from_str_radix(h, 16).ok());
                out.push(code.and_then(char::from_u32).ok_or_else(|| format!("entity &{other}; is not known"))?);
            }
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn tags(text: &str) -> Result<Vec<Tag<'_>>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        if !rest[..at].trim().is_empty() {
            return Err(format!("text {:?} between the elements", &rest[..at]));
        }
        let end = rest[at..].find('>').ok_or("'<' without '>'")? + at;
        let inner = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if inner.starts_with('?') {
            continue;
        }
        let (inner, close) = inner.strip_prefix('/').map_or((inner, false), |i| (i, true));
        let (inner, empty) = inner.strip_suffix('/').map_or((inner, false), |i| (i, true));
        let name_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        out.push(Tag { name: &inner[..name_end], attrs: attributes(&inner[name_end..])?, close, empty });
    }
    if rest.trim().is_empty() { Ok(out) } else { Err("text behind the last element".to_owned()) }
}

pub(super) fn attributes(mut rest: &str) -> Result<Vec<(&str, String)>, String> {
    let mut out: Vec<(&str, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(out);
        }
        let (name, tail) = rest.split_once('=').ok_or("attribute without value")?;
        let quote = tail.chars().next().filter(|c| *c == '"' || *c == '\'').ok_or("attribute value without quotes")?;
        let end = tail[1..].find(quote).ok_or("attribute value without end")? + 1;
        if out.iter().any(|(n, _)| *n == name.trim()) {
            return Err(format!("attribute {name} twice"));
        }
        out.push((name.trim(), unescape(&tail[1..end])?));
        rest = &tail[end + 1..];
    }
}

/// Reads a SUBSCRIBE body; the error says what is wrong with it.
pub(super) fn parse_batch(body: &[u8]) -> Result<Batch, String> {
    let text = std::str::from_utf8(body).map_err(|_| "body is not UTF-8".to_owned())?;
    let mut batch: Option<Batch> = None;
    let mut path: Vec<&str> = Vec::new();
    for tag in tags(text)? {
        if tag.close {
            if path.pop() != Some(tag.name) {
                return Err(format!("</{}> closes nothing", tag.name));
            }
            continue;
        }
        on_element(&path, &tag, &mut batch)?;
        if !tag.empty {
            path.push(tag.name);
        }
    }
    if !path.is_empty() {
        return Err(format!("<{}> is not closed", path.join("/")));
    }
    let batch = batch.ok_or("no batchSub")?;
    if batch.actions.is_empty() || batch.actions.iter().any(|a| a.resources.is_empty()) {
        return Err("an adhocList is empty".to_owned());
    }
    if batch.actions.iter().any(|a| !a.unsubscribe && a.categories.is_empty()) {
        return Err("no category is asked for".to_owned());
    }
    Ok(batch)
}

fn on_element(path: &[&str], tag: &Tag<'_>, batch: &mut Option<Batch>) -> Result<(), String> {
    let required = |name: &str| tag.attr(name).map(str::to_owned).ok_or_else(|| format!("<{}> without {name}", tag.name));
    let action = batch.as_mut().and_then(|b| b.actions.last_mut());
    match (path, tag.name, action) {
        ([], "batchSub", _) => {
            if tag.attr("xmlns") != Some(BATCH_NS) || tag.attr("name") != Some("") {
                return Err("batchSub has another namespace, or a name".to_owned());
            }
            *batch = Some(Batch { uri: required("uri")?, actions: Vec::new() });
        }
        (["batchSub"], "action", _) => {
            let unsubscribe = match required("name")?.as_str() {
                "subscribe" => false,
                "unsubscribe" => true,
                other => return Err(format!("action {other:?} is not known")),
            };
            if !required("id")?.bytes().all(|b| b.is_ascii_digit()) {
                return Err("action@id is not decimal".to_owned());
            }
            let action = BatchAction { unsubscribe, resources: Vec::new(), categories: Vec::new() };
            batch.as_mut().ok_or("action before batchSub")?.actions.push(action);
        }
        (["batchSub", "action"], "adhocList", Some(_)) => {}
        (["batchSub", "action"], "categoryList", Some(_)) if tag.attr("xmlns") == Some(CATEGORY_LIST_NS) => {}
        (["batchSub", "action", "adhocList"], "resource", Some(action)) => action.resources.push(required("uri")?),
        (["batchSub", "action", "categoryList"], "category", Some(action)) => action.categories.push(required("name")?),
        (["batchSub", "action", "adhocList", "resource", ..], _, Some(_)) => {}
        _ => return Err(format!("<{}> is not expected in <{}>", tag.name, path.join("/"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_bodies_are_read() {
        for (file, users) in [("010-subscribe-batch", 3), ("011-subscribe-batch-context", 0), ("016-subscribe-remove-in-dialog", 1)] {
            let bytes = std::fs::read(format!("{}/../corpus/sip/{file}.sip", env!("CARGO_MANIFEST_DIR"))).unwrap();
            let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            let batch = parse_batch(&bytes[at + 4..]).unwrap();
            assert!(users == 0 || batch.actions[0].resources.len() == users, "{file}: {batch:?}");
        }
    }

    #[test]
    fn apostrophes_and_ampersands_come_back() {
        let text = "o'brien & <co> \"x\"";
        assert_eq!(unescape(&escape(text)).unwrap(), text);
    }

    #[test]
    fn an_empty_list_is_refused() {
        let body =
            format!("<batchSub xmlns=\"{BATCH_NS}\" uri=\"sip:a@b\" name=\"\"><action name=\"subscribe\" id=\"1\"><adhocList></adhocList></action></batchSub>");
        assert_eq!(parse_batch(body.as_bytes()), Err("an adhocList is empty".to_owned()));
    }
}
