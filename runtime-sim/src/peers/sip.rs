//! A small SIP reader of the peers' own: cuts a byte stream into messages and finds headers (RFC 3261 7, 18.3). Strict where the connector must be exact.

/// Bytes of start line and headers we accept.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of body we accept.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// First line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SipStart {
    /// A request.
    Request { method: String, uri: String },
    /// A response.
    Response { code: u16 },
}

/// One message; header names in lower case, compact names expanded.
#[derive(Clone, Debug)]
pub(super) struct SipMsg {
    pub(super) start: SipStart,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What came off the stream.
#[derive(Clone, Debug)]
pub(super) enum SipIn {
    /// CR LF between messages.
    KeepAlive,
    /// A message.
    Message(SipMsg),
}

impl SipMsg {
    /// First header of that (lower-case) name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All values of that name in order, comma lists split.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).flat_map(|(_, v)| split_list(v)).collect()
    }

    /// All headers in order.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a token stands in the comma lists of that name.
    pub(super) fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name).iter().any(|v| v.eq_ignore_ascii_case(token))
    }

    /// CSeq number and method.
    pub(super) fn cseq(&self) -> Option<(u32, &str)> {
        let (n, method) = self.header("cseq")?.split_once(' ')?;
        Some((n.parse().ok()?, method.trim()))
    }

    /// How often a header stands in the message.
    pub(super) fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(n, _)| n == name).count()
    }
}

/// Splits at commas outside quotes and angle brackets.
fn split_list(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut angle) = (Vec::new(), 0, false, false);
    for (i, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ',' if !quoted && !angle => {
                parts.push(value[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(value[start..].trim());
    parts
}

/// URI of a From, To or Contact value: what stands in `<>`, else everything before the first `;`.
pub(super) fn uri_of(value: &str) -> &str {
    let Some(at) = value.find('<') else { return value.split(';').next().unwrap_or_default().trim() };
    value[at + 1..].split('>').next().unwrap_or_default()
}

/// A header parameter (behind the `>`), without quotes.
pub(super) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let tail = value.find('>').map_or(value, |at| &value[at + 1..]);
    tail.split(';').skip(1).find_map(|p| {
        let (n, v) = p.split_once('=').unwrap_or((p, ""));
        n.trim().eq_ignore_ascii_case(name).then(|| v.trim().trim_matches('"'))
    })
}

/// The bytes of one connection that are not yet messages.
#[derive(Clone, Debug, Default)]
pub(super) struct SipInbox {
    buf: Vec<u8>,
    start: usize,
}

impl SipInbox {
    /// Appends what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buf.drain(..self.start);
            self.start = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// Next message; `Err`: the framing is lost, close the connection.
    pub(super) fn next(&mut self) -> Option<Result<SipIn, String>> {
        let rest = &self.buf[self.start..];
        let blank = rest.iter().take_while(|b| **b == b'\r' || **b == b'\n').count();
        if blank > 0 {
            self.start += blank;
            return Some(Ok(SipIn::KeepAlive));
        }
        let Some(head_end) = rest.windows(4).position(|w| w == b"\r\n\r\n") else {
            return (rest.len() > HEAD_BYTES_MAX).then(|| Err(format!("head of more than {HEAD_BYTES_MAX} bytes")));
        };
        let (start, headers) = match parse_head(&rest[..head_end]) {
            Ok(head) => head,
            Err(e) => return Some(Err(e)),
        };
        let mut lengths = headers.iter().filter(|(n, _)| n == "content-length");
        let len = match (lengths.next().and_then(|(_, v)| v.parse::<usize>().ok()), lengths.next()) {
            (Some(len), None) if len <= BODY_BYTES_MAX => len,
            _ => return Some(Err("Content-Length is missing, double, not a number or above 4 MiB".to_owned())),
        };
        let body = rest.get(head_end + 4..head_end + 4 + len)?.to_vec();
        self.start += head_end + 4 + len;
        Some(Ok(SipIn::Message(SipMsg { start, headers, body })))
    }
}

type Head = (SipStart, Vec<(String, String)>);

fn parse_head(head: &[u8]) -> Result<Head, String> {
    let head = std::str::from_utf8(head).map_err(|_| "head is not UTF-8".to_owned())?;
    let mut lines = head.split("\r\n");
    let start = parse_start(lines.next().unwrap_or_default())?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let last = headers.last_mut().ok_or("folded line without a header")?;
            last.1.push(' ');
            last.1.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| format!("header without colon: {line:?}"))?;
        if name.is_empty() || name.trim_end() != name && name.trim_end().is_empty() || value.contains(['\r', '\n']) {
            return Err(format!("bad header line {line:?}"));
        }
        headers.push((full_name(name.trim_end()), value.trim().to_owned()));
    }
    Ok((start, headers))
}

fn parse_start(line: &str) -> Result<SipStart, String> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let code = rest.get(..3).and_then(|c| c.parse().ok()).filter(|c| (100..700).contains(c));
        return code.map(|code| SipStart::Response { code }).ok_or_else(|| format!("bad status line {line:?}"));
    }
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(uri), Some("SIP/2.0"), None) if !method.is_empty() && !uri.is_empty() => {
            Ok(SipStart::Request { method: method.to_owned(), uri: uri.to_owned() })
        }
        _ => Err(format!("bad start line {line:?}")),
    }
}

fn full_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "v" => "via",
        "f" => "from",
        "t" => "to",
        "i" => "call-id",
        "m" => "contact",
        "l" => "content-length",
        "c" => "content-type",
        "o" => "event",
        "k" => "supported",
        "e" => "content-encoding",
        _ => return lower,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_stream_with_keep_alives_gives_its_messages() {
        let bytes =
            b"\r\n\r\nOPTIONS sip:x SIP/2.0\r\nv: SIP/2.0/TCP a;branch=z9hG4bK1, SIP/2.0/TCP b\r\nl: 2\r\n\r\nhiSIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
        let mut inbox = SipInbox::default();
        let mut seen = Vec::new();
        for b in bytes {
            inbox.push(&[*b]);
            while let Some(item) = inbox.next() {
                seen.push(item.unwrap());
            }
        }
        let messages: Vec<_> = seen.iter().filter_map(|s| if let SipIn::Message(m) = s { Some(m) } else { None }).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].values("via").len(), 2);
        assert_eq!(messages[0].body, b"hi");
        assert_eq!(messages[1].start, SipStart::Response { code: 200 });
    }

    #[test]
    fn a_missing_content_length_loses_the_framing() {
        let mut inbox = SipInbox::default();
        inbox.push(b"OPTIONS sip:x SIP/2.0\r\nVia: a\r\n\r\n");
        assert!(inbox.next().unwrap().is_err());
    }

    #[test]
    fn parameters_are_read_behind_the_bracket_only() {
        let from = "\"A;tag=no\" <sip:a@b;tag=not>;epid=56b4;tag=f30a";
        assert_eq!((uri_of(from), param(from, "tag"), param(from, "epid")), ("sip:a@b;tag=not", Some("f30a"), Some("56b4")));
    }
}
