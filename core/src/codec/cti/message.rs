//! A whole T-Library message with all its attributes in order, for logs, decoders and everything that is not the presence path.
//!
//! Names of attributes may repeat and keys of lists may too; order counts in comparisons (`spec/genesys-protocols.md` 2.1). The presence path uses
//! [`crate::cti_event::TEvent`] instead, which borrows and does not allocate.
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A request, an event, or (id 0, name = operation) a control line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Message number, [`super::catalogue`]. It decides; the name is for people.
    pub id: u32,
    /// Name as written.
    pub name: Box<str>,
    /// Attributes in order.
    pub attrs: Vec<(Box<str>, Value)>,
}

/// Value of an attribute (`spec/bridge.md` 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Signed, 32 bits.
    Int(i32),
    /// Signed, 64 bits.
    Long(i64),
    /// Text.
    Str(Box<str>),
    /// Opaque, or text in a character set that is not UTF-8.
    Bytes(Box<[u8]>),
    /// List of pairs.
    Kv(KvList),
    /// Connection id.
    Conn(u64),
    /// Time of an event.
    Time {
        /** Unix seconds */
        secs: i64,
        /** microseconds */
        micros: i32,
    },
    /// A type we do not know, kept as it was written.
    Unknown {
        /** type tag */
        tag: Box<str>,
        /** text */
        text: Box<str>,
    },
}

/// List of pairs: order and duplicates are kept, lists nest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvList {
    /// Pairs in order.
    pub pairs: Vec<(Box<str>, KvValue)>,
}

/// Value of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvValue {
    /// Text.
    Str(Box<str>),
    /// Signed, 32 bits.
    Int(i32),
    /// Opaque.
    Bin(Box<[u8]>),
    /// Nested list.
    List(KvList),
}

impl Message {
    /// A message of the catalogue; an unknown number gets an empty name.
    #[must_use]
    pub fn new(id: u32) -> Self {
        Self { id, name: super::catalogue::name(id).unwrap_or_default().into(), attrs: Vec::new() }
    }

    /// Adds an attribute at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.attrs.push((name.into(), value));
        self
    }

    /// The first attribute of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.attrs.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// The first attribute of this name, if it is an int.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i32> {
        match self.get(name)? {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The first attribute of this name, if it is text.
    #[must_use]
    pub fn str(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The first attribute of this name, if it is a list.
    #[must_use]
    pub fn kv(&self, name: &str) -> Option<&KvList> {
        match self.get(name)? {
            Value::Kv(value) => Some(value),
            _ => None,
        }
    }

    /// The first attribute of this name, if it is a connection id.
    #[must_use]
    pub fn conn(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Conn(value) => Some(*value),
            _ => None,
        }
    }
}

impl KvList {
    /// Adds a pair at the end.
    #[must_use]
    pub fn with(mut self, key: &str, value: KvValue) -> Self {
        self.pairs.push((key.into(), value));
        self
    }

    /// Adds a pair with a text at the end.
    #[must_use]
    pub fn with_str(self, key: &str, value: &str) -> Self {
        self.with(key, KvValue::Str(value.into()))
    }

    /// The first value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&KvValue> {
        self.pairs.iter().find(|(known, _)| &**known == key).map(|(_, value)| value)
    }

    /// All values of this key, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a KvValue> + 'a {
        self.pairs.iter().filter(move |(known, _)| &**known == key).map(|(_, value)| value)
    }

    /// The first value of this key, if it is text.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            KvValue::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The first value of this key, if it is an int.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i32> {
        match self.get(key)? {
            KvValue::Int(value) => Some(*value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_repeated_key_counts_and_all_are_kept() {
        let list = KvList::default().with_str("a", "1").with("a", KvValue::Int(2)).with("b", KvValue::List(KvList::default().with_str("c", "3")));
        assert_eq!((list.str("a"), list.int("a"), list.all("a").count()), (Some("1"), None, 2));
        let message =
            Message::new(76).with("AttributeReasons", Value::Kv(list)).with("AttributeConnID", Value::Conn(7)).with("AttributeCallID", Value::Int(-1));
        assert_eq!(&*message.name, "EventAgentNotReady");
        assert_eq!(message.kv("AttributeReasons").map(|list| list.pairs.len()), Some(3));
        assert_eq!((message.conn("AttributeConnID"), message.int("AttributeCallID"), message.str("AttributeThisDN")), (Some(7), Some(-1), None));
    }
}
