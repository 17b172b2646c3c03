//! How a trunk writes numbers, and wants to read them.

use crate::policy::NumberRewrite;

/// The numbering plan of a trunk. By default it has none: only what says itself that it is global is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPlan {
    /// Country code that national numbers belong to, in digits.
    pub country: Option<String>,
    /// What national numbers begin with; `Some("")` where they begin with nothing of the kind, as in a closed plan.
    pub national_prefix: Option<String>,
    /// What international numbers begin with; never empty.
    pub international_prefix: Option<String>,
    /// Digits of the longest number that is no part of the plan: a short code or an extension.
    pub short: usize,
    /// Numbers that are local whatever else is said of them.
    pub keep: Vec<String>,
    /// What else becomes of the numbers that it sends.
    pub inbound: NumbersIn,
    /// What else becomes of the numbers that it gets.
    pub outbound: NumbersOut,
}

/// Digits of the longest short code that is in wide use: 116123 and its like.
const SHORT: usize = 6;

/// Emergency numbers that many countries share: no prefix of an operator's may eat a part of them.
const EMERGENCY: [&str; 4] = ["000", "112", "911", "999"];

impl Default for NumberPlan {
    fn default() -> Self {
        Self {
            country: None,
            national_prefix: None,
            international_prefix: None,
            short: SHORT,
            keep: EMERGENCY.map(str::to_owned).to_vec(),
            inbound: NumbersIn::default(),
            outbound: NumbersOut::default(),
        }
    }
}

/// The numbers that a trunk sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumbersIn {
    /// In front of all numbers, where it is: a tariff, an account, or the digit for an outside line.
    pub technical_prefix: String,
    /// What happens to a number that is neither short nor says that it is global, before it is read.
    pub rewrite: NumberRewrite,
    /// What a number without any prefix is.
    pub unprefixed: Unprefixed,
}

/// What a number is that begins with no prefix of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unprefixed {
    /// Local: it stays as it is.
    #[default]
    Local,
    /// A national number of the trunk's country.
    National,
    /// A global number without its `+`.
    Plain,
}

/// The numbers that a trunk gets; a local one stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumbersOut {
    /// How a global number is written.
    pub format: NumberFormat,
    /// What happens to it then.
    pub rewrite: NumberRewrite,
    /// What is put in front last.
    pub technical_prefix: String,
    /// Whether URIs say that their user is a telephone number (RFC 3261 section 19.1.1).
    pub user_phone: bool,
    /// Whether number portability, extension and sub-address cross with a number that no route has changed.
    pub parameters: bool,
}

impl Default for NumbersOut {
    fn default() -> Self {
        Self {
            format: NumberFormat::default(),
            rewrite: NumberRewrite::default(),
            technical_prefix: String::new(),
            user_phone: false,
            parameters: true,
        }
    }
}

/// How a trunk wants to read a global number: of +442071838750, in the United Kingdom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumberFormat {
    /// `+442071838750`.
    #[default]
    E164,
    /// `02071838750`; one of another country as [`Self::International`].
    National,
    /// `00442071838750`.
    International,
    /// `442071838750`.
    Plain,
}
