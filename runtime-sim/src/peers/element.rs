//! A small XML reader of the peers' own: a document as a tree with name spaces resolved. No DOCTYPE, no CDATA: neither stands in what a client may send here.
use super::xml::{attributes, unescape};

/// Elements within elements we follow.
const DEPTH_MAX: usize = 24;

/// One element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Name without prefix.
    pub(super) name: &'a str,
    /// Name space; empty: none.
    pub(super) ns: String,
    /// Attributes as written, values unescaped, name-space declarations left out.
    pub(super) attrs: Vec<(&'a str, String)>,
    /// Elements within, in order.
    pub(super) children: Vec<Self>,
    /// Text within, unescaped, pieces joined.
    pub(super) text: String,
    /// The element as written.
    pub(super) raw: &'a str,
    /// Whether `raw` declares every prefix and default name space it uses, so that it can be printed elsewhere.
    pub(super) self_contained: bool,
    /// Depth of the outermost element whose declarations this one uses.
    needs: usize,
}

impl<'a> Element<'a> {
    /// Reads a whole document.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "body is not UTF-8".to_owned())?;
        let mut reader = Reader { text, at: 0 };
        reader.skip_misc()?;
        let root = reader.element(&mut Vec::new(), 0)?;
        reader.skip_misc()?;
        if reader.at == text.len() { Ok(root) } else { Err("text behind the root element".to_owned()) }
    }

    /// Value of an attribute by its name without prefix.
    pub(super) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(n, _)| local(n) == name).map(|(_, v)| v.as_str())
    }

    /// A required attribute.
    pub(super) fn required(&self, name: &str) -> Result<&str, String> {
        self.attr(name).ok_or_else(|| format!("<{}> without {name}", self.name))
    }

    /// An attribute that must be a number, if it is there.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, String> {
        self.attr(name).map(|v| v.parse().map_err(|_| format!("{name}={v:?} of <{}> is no number", self.name))).transpose()
    }

    /// Children with this name and name space.
    pub(super) fn named<'e>(&'e self, ns: &'e str, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |c| c.name == name && c.ns == ns)
    }

    /// The first element of that name anywhere below, whatever its name space.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|c| if c.name == name { Some(c) } else { c.find(name) })
    }

    /// Refuses another root.
    pub(super) fn expect(&self, ns: &str, name: &str) -> Result<(), String> {
        if self.name == name && self.ns == ns { Ok(()) } else { Err(format!("<{}> of {:?} where <{name}> of {ns:?} belongs", self.name, self.ns)) }
    }
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Declared prefixes and the depth of the element that declares them.
type Scope = Vec<(String, String, usize)>;

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Passes over white space, the declaration, processing instructions and comments.
    fn skip_misc(&mut self) -> Result<(), String> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
            self.at += rest.len() - trimmed.len();
            let end = if trimmed.starts_with("<!--") {
                trimmed.find("-->").map(|e| e + 3)
            } else if trimmed.starts_with("<?") {
                trimmed.find("?>").map(|e| e + 2)
            } else if trimmed.starts_with("<!") {
                return Err("DOCTYPE or CDATA".to_owned());
            } else {
                return Ok(());
            };
            self.at += end.ok_or("comment without end")?;
        }
    }

    fn element(&mut self, scope: &mut Scope, depth: usize) -> Result<Element<'a>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} elements within each other"));
        }
        let start = self.at;
        let inner = self.rest().strip_prefix('<').ok_or("no element where one belongs")?;
        let end = tag_end(inner).ok_or("'<' without '>'")?;
        self.at += end + 2;
        let (inner, empty) = inner[..end].strip_suffix('/').map_or((&inner[..end], false), |i| (i, true));
        let name_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        let qualified = &inner[..name_end];
        let outer = scope.len();
        let mut attrs = attributes(&inner[name_end..])?;
        attrs.retain(|(name, value)| {
            let prefix = if *name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") };
            scope.extend(prefix.map(|p| (p.to_owned(), value.clone(), depth)));
            prefix.is_none()
        });
        let mut needs = usize::MAX;
        let mut resolve = |name: &str, default: bool| -> Result<String, String> {
            let Some((prefix, _)) = name.split_once(':').or_else(|| default.then_some(("", ""))) else { return Ok(String::new()) };
            let found = scope.iter().rev().find(|(p, ..)| p == prefix);
            if prefix != "xml" {
                needs = needs.min(found.map_or(0, |(_, _, declared)| *declared));
            }
            match found {
                Some((_, ns, _)) => Ok(ns.clone()),
                None if prefix.is_empty() || prefix == "xml" => Ok(String::new()),
                None => Err(format!("prefix {prefix:?} is not declared")),
            }
        };
        let ns = resolve(qualified, true)?;
        for (name, _) in &attrs {
            resolve(name, false)?;
        }
        let (mut children, mut text): (Vec<Element<'a>>, String) = (Vec::new(), String::new());
        if !empty {
            loop {
                let upto = self.rest().find('<').ok_or_else(|| format!("<{qualified}> is not closed"))?;
                text.push_str(&unescape(&self.rest()[..upto])?);
                self.at += upto;
                if let Some(close) = self.rest().strip_prefix("</") {
                    let end = close.find('>').ok_or("'<' without '>'")?;
                    if close[..end].trim_end() != qualified {
                        return Err(format!("</{}> closes <{qualified}>", &close[..end]));
                    }
                    self.at += end + 3;
                    break;
                }
                if self.rest().starts_with("<!") || self.rest().starts_with("<?") {
                    self.skip_misc()?;
                } else {
                    children.push(self.element(scope, depth + 1)?);
                }
            }
        }
        let needs = children.iter().map(|c| c.needs).min().unwrap_or(usize::MAX).min(needs);
        scope.truncate(outer);
        Ok(Element { name: local(qualified), ns, attrs, children, text, raw: &self.text[start..self.at], self_contained: needs >= depth, needs })
    }
}

/// Where a tag ends: the first `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, '>') => Some(at),
        (None, '"' | '\'') => {
            quote = Some(c);
            None
        }
        (Some(q), c) if q == c => {
            quote = None;
            None
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_spaces_are_resolved() {
        let text =
            "<?xml version=\"1.0\"?><!-- x --><p:a xmlns:p='urn:p' xmlns='urn:d' k='1 &lt; &gt;>'><b/>x<p:c z:t='2' xmlns:z='urn:z'>y &amp; z</p:c></p:a>";
        let root = Element::parse(text.as_bytes()).unwrap();
        assert_eq!((root.name, root.ns.as_str(), root.attr("k"), root.text.as_str()), ("a", "urn:p", Some("1 < >>"), "x"));
        let c = root.named("urn:p", "c").next().unwrap();
        assert_eq!((c.attr("t"), c.text.as_str(), c.self_contained, root.self_contained), (Some("2"), "y & z", false, true));
        assert_eq!((root.children[0].ns.as_str(), root.find("b").map(|b| b.raw)), ("urn:d", Some("<b/>")));
    }

    #[test]
    fn a_value_with_its_own_name_space_can_be_printed_elsewhere() {
        let text = "<out xmlns='urn:o' xmlns:q='urn:q'><v xmlns='urn:v'><w/></v><v xmlns='urn:v' q:t='1'/><v/></out>";
        let root = Element::parse(text.as_bytes()).unwrap();
        assert_eq!(root.children.iter().map(|c| c.self_contained).collect::<Vec<_>>(), [true, false, false]);
        let real = Element::parse(b"<p xmlns='urn:p'><s xmlns='urn:s' xmlns:xsi='urn:x' xsi:type='userState'><a>1</a><e/></s></p>").unwrap();
        assert!(real.children[0].self_contained);
    }

    #[test]
    fn broken_documents_are_refused() {
        for text in ["", "<a>", "<a></b>", "<a/><b/>", "<!DOCTYPE a><a/>", "<p:a/>", "<a b=1/>", "<a>&x;</a>", "<a><![CDATA[x]]></a>"] {
            assert!(Element::parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        assert!(Element::parse(deep.as_bytes()).unwrap_err().contains("within each other"));
    }
}
