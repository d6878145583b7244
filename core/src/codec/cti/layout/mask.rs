//! Which values must not be written to a log.
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Names whose values are printed as `[output suppressed]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Attributes, by their whole name.
    pub attributes: Vec<Box<str>>,
    /// Keys of lists, at any depth, that contain one of these, upper or lower case.
    pub key_parts: Vec<Box<str>>,
}

impl Default for Mask {
    /// `AttributePassword`; keys with `password`, `pin` or `ssn`.
    fn default() -> Self {
        Self { attributes: ["AttributePassword".into()].into(), key_parts: ["password".into(), "pin".into(), "ssn".into()].into() }
    }
}

impl Mask {
    /// Hides nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { attributes: Vec::new(), key_parts: Vec::new() }
    }

    /// Whether the attribute is hidden.
    #[must_use]
    pub fn hides_attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|hidden| **hidden == *name)
    }

    /// Whether the pair is hidden.
    #[must_use]
    pub fn hides_key(&self, key: &str) -> bool {
        self.key_parts.iter().any(|part| !part.is_empty() && key.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes())))
    }
}
