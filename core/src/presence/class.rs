//! Availability classes and activity tokens of the Microsoft platform (`spec/ms-pres.md` 5.3, `decisions.md` 2).
use core::fmt;

/// Class of an availability number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum Class {
    /// 0-2999, or nothing known: changes nothing by default.
    #[default]
    Unknown,
    /// 3000-4499
    Online,
    /// 4500-5999
    IdleOnline,
    /// 6000-7499
    Busy,
    /// 7500-8999
    IdleBusy,
    /// 9000-11999
    DoNotDisturb,
    /// 12000-14999
    BeRightBack,
    /// 15000-17999
    Away,
    /// 18000 and above
    Offline,
}

impl Class {
    /// All classes, in order of number.
    pub const ALL: [Self; 9] =
        [Self::Unknown, Self::Online, Self::IdleOnline, Self::Busy, Self::IdleBusy, Self::DoNotDisturb, Self::BeRightBack, Self::Away, Self::Offline];

    /// The class of an availability number; compared by range, never by equality.
    #[must_use]
    pub const fn of(availability: u32) -> Self {
        match availability {
            0..=2999 => Self::Unknown,
            3000..=4499 => Self::Online,
            4500..=5999 => Self::IdleOnline,
            6000..=7499 => Self::Busy,
            7500..=8999 => Self::IdleBusy,
            9000..=11999 => Self::DoNotDisturb,
            12000..=14999 => Self::BeRightBack,
            15000..=17999 => Self::Away,
            _ => Self::Offline,
        }
    }

    /// The value of `KW_UC_STATUS`.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Online => "online",
            Self::IdleOnline => "idle-online",
            Self::Busy => "busy",
            Self::IdleBusy => "idle-busy",
            Self::DoNotDisturb => "do-not-disturb",
            Self::BeRightBack => "be-right-back",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }

    /// The class with this token.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.token() == token)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// Activity of a state: for conditions and views only, the class comes from the number (`decisions.md` 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum Activity {
    /// None given.
    #[default]
    None,
    /// `on-the-phone`
    OnThePhone,
    /// `in-a-conference`
    InAConference,
    /// `in-a-meeting`
    InAMeeting,
    /// `in-presentation`
    InPresentation,
    /// `out-of-office`
    OutOfOffice,
    /// `urgent-interruptions-only`
    UrgentInterruptionsOnly,
    /// `off-work`
    OffWork,
    /// Text of the user's or an application's own.
    Custom,
    /// A token we do not know.
    Other,
    /// A text of `config.publish.states`: a publication of ours, now or of an earlier life.
    Published,
}

impl Activity {
    /// All activities, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::None,
        Self::OnThePhone,
        Self::InAConference,
        Self::InAMeeting,
        Self::InPresentation,
        Self::OutOfOffice,
        Self::UrgentInterruptionsOnly,
        Self::OffWork,
        Self::Custom,
        Self::Other,
        Self::Published,
    ];

    /// The activity with this token; [`Self::Other`] when unknown.
    #[must_use]
    pub fn from_token(token: &str) -> Self {
        match token {
            "" => Self::None,
            "on-the-phone" => Self::OnThePhone,
            "in-a-conference" => Self::InAConference,
            "in-a-meeting" => Self::InAMeeting,
            "in-presentation" => Self::InPresentation,
            "out-of-office" => Self::OutOfOffice,
            "urgent-interruptions-only" => Self::UrgentInterruptionsOnly,
            "off-work" => Self::OffWork,
            _ => Self::Other,
        }
    }

    /// The token, empty for none.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::None => "",
            Self::OnThePhone => "on-the-phone",
            Self::InAConference => "in-a-conference",
            Self::InAMeeting => "in-a-meeting",
            Self::InPresentation => "in-presentation",
            Self::OutOfOffice => "out-of-office",
            Self::UrgentInterruptionsOnly => "urgent-interruptions-only",
            Self::OffWork => "off-work",
            Self::Custom => "custom",
            Self::Other => "other",
            Self::Published => "published",
        }
    }
}
