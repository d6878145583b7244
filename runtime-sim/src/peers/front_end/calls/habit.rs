//! How the emulated client of a user behaves.

/// What an emulated client does with an invitation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Does {
    /// Takes it.
    #[default]
    Accepts,
    /// Answers with this status.
    Refuses(u16),
    /// Rings and rings.
    Rings,
}

/// How the emulated client of a user behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// What it does.
    pub does: Does,
    /// Until it rings, milliseconds.
    pub rings_after_ms: u64,
    /// From then on until it answers, milliseconds.
    pub answers_after_ms: u64,
    /// It shows the first text and says so (`Supported: ms-text-format`).
    pub shows_text: bool,
    /// How many clients of the user answer.
    pub clients: u8,
    /// It opens the window; else it answers such an invitation with 488.
    pub window: bool,
    /// The user closes the conversation this long after it was taken, milliseconds.
    pub closes_after_ms: Option<u64>,
    /// The user follows the link this long after it was there, milliseconds.
    pub opens_after_ms: Option<u64>,
    /// Messages are answered with this status.
    pub message_status: u16,
}

impl Default for Habit {
    fn default() -> Self {
        Self {
            does: Does::Accepts,
            rings_after_ms: 20,
            answers_after_ms: 2_000,
            shows_text: true,
            clients: 1,
            window: true,
            closes_after_ms: None,
            opens_after_ms: Some(1_000),
            message_status: 200,
        }
    }
}
