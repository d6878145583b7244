//! What happened, as a hash (always) and as a readable story (on demand).
use std::fmt::Write;
use uc_core::Mono;

/// Collects a run.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    /// Lines, when wanted.
    story: Option<Vec<String>>,
}

impl Trace {
    /// An empty trace; with a story when `told`.
    #[must_use]
    pub fn new(told: bool) -> Self {
        Self { hash: 0x51_7c_c1_b7_27_22_0a_95, story: told.then(Vec::new) }
    }

    /// Mixes a number into the hash.
    pub const fn num(&mut self, n: u64) {
        self.hash = (self.hash ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    /// Mixes bytes into the hash.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.num(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.num(u64::from_le_bytes(*word));
        }
        let mut tail = [0; 8];
        tail[..rest.len()].copy_from_slice(rest);
        self.num(u64::from_le_bytes(tail));
    }

    /// Adds a line to the story; the text is only made when somebody reads it.
    pub fn tell(&mut self, at: Mono, line: impl FnOnce(&mut String) -> std::fmt::Result) {
        if let Some(story) = &mut self.story {
            let mut text = format!("{at} ");
            // Writing to a String cannot fail.
            let _ = line(&mut text);
            story.push(text);
        }
    }

    /// Adds a line about bytes of a SIP or bridge stream: the first line of each message.
    pub fn tell_bytes(&mut self, at: Mono, who: impl std::fmt::Display, arrow: &str, bytes: &[u8]) {
        self.tell(at, |out| {
            let text = String::from_utf8_lossy(bytes);
            let first = text.lines().next().unwrap_or_default();
            let cseq = text.lines().find(|l| l.starts_with("CSeq:")).unwrap_or_default();
            write!(out, "{who} {arrow} {first} {cseq}")?;
            // Nothing else tells whose endpoint comes or goes.
            let registers = |line: &&str| first.starts_with("REGISTER ") && (line.starts_with("To:") || line.starts_with("Expires:"));
            text.lines().filter(registers).try_for_each(|line| write!(out, " {line}"))
        });
    }

    /// The hash so far.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The story so far.
    #[must_use]
    pub fn story(&self) -> &[String] {
        self.story.as_deref().unwrap_or_default()
    }
}
