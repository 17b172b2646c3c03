//! Numbers that a route takes, and what it makes of them.
//!
//! Invariant: what a number costs to compare is linear in its length: a pattern is an automaton of bounded size.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Look};

/// Longest text of a pattern, in bytes: real ones have a few dozen.
const PATTERN_BYTES_MAX: usize = 256;

/// Most memory that a pattern is compiled to, in bytes. `[0-9]{64}` takes a tenth of it.
const PATTERN_SIZE_MAX: usize = 256 << 10;

/// Numbers above this, in bytes, are no numbers: patterns do not take them. A user part may be four thousand.
const NUMBER_BYTES_MAX: usize = 128;

/// Numbers that a route takes, or callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberMatch {
    /// Any number that starts so; an empty prefix takes all.
    Prefix(String),
    /// Exactly one of these numbers.
    Exact(Vec<String>),
    /// Numbers that are, as a whole, as the pattern says.
    Pattern(Pattern),
}

impl NumberMatch {
    /// Whether `number` is one of these.
    #[must_use]
    pub fn takes(&self, number: &str) -> bool {
        match self {
            Self::Prefix(prefix) => number.starts_with(prefix.as_str()),
            Self::Exact(numbers) => numbers.iter().any(|exact| exact == number),
            Self::Pattern(pattern) => pattern.takes(number),
        }
    }

    /// How many texts it has: numbers that are written out, else one.
    #[must_use]
    pub const fn count(&self) -> usize {
        match self {
            Self::Exact(numbers) => numbers.len(),
            Self::Prefix(_) | Self::Pattern(_) => 1,
        }
    }

    /// Which of two that both take a number is the more specific; greater is. Whole numbers are, then the longer text, then
    /// a pattern.
    pub(super) fn specificity(&self) -> (bool, usize) {
        match self {
            Self::Exact(_) => (true, 0),
            Self::Pattern(pattern) => (false, 2 * pattern.beginning().len() + 1),
            Self::Prefix(prefix) => (false, 2 * prefix.len()),
        }
    }
}

/// `+44...`, `112, 999`, `/\+44[0-9]+/`: as an operator reads it.
impl fmt::Display for NumberMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) if prefix.is_empty() => f.write_str("any number"),
            Self::Prefix(prefix) => write!(f, "{prefix}..."),
            Self::Exact(numbers) => f.write_str(&numbers.join(", ")),
            Self::Pattern(pattern) => write!(f, "/{}/", pattern.as_str()),
        }
    }
}

/// A regular expression that a whole number has to match. What matched a part only would take numbers that nobody thought of.
///
/// It is held by a pointer, so that the many routes without one are no larger for it.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    text: String,
    regex: Regex,
    /// What every number that it takes begins with.
    beginning: String,
}

impl PartialEq for Pattern {
    /// The text says it all.
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Pattern {}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than anybody can read.
    #[error("it has {bytes} bytes, and {PATTERN_BYTES_MAX} is the most")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// No regular expression.
    #[error("{0}")]
    Malformed(String),
    /// It would take too much memory.
    #[error("it is too large: repeat less")]
    TooLarge,
}

impl Pattern {
    /// The pattern that `text` writes.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong { bytes: text.len() });
        }
        let hir = regex_syntax::parse(text).map_err(|error| PatternError::Malformed(in_a_line(&error)))?;
        let (beginning, _) = beginning(&hir);
        let whole = format!("^(?:{text})$");
        let built =
            RegexBuilder::new(&whole).size_limit(PATTERN_SIZE_MAX).dfa_size_limit(PATTERN_SIZE_MAX).build();
        let regex = built.map_err(|error| match matches!(error, regex::Error::CompiledTooBig(_)) {
            true => PatternError::TooLarge,
            // A text that parses alone and not in brackets, such as one that ends in a comment.
            false => PatternError::Malformed(in_a_line(&error)),
        })?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), regex, beginning })))
    }

    /// The regular expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What every number that it takes begins with, as far as it says so.
    #[must_use]
    pub fn beginning(&self) -> &str {
        &self.0.beginning
    }

    /// Whether it takes the whole of `number`.
    #[must_use]
    pub fn takes(&self, number: &str) -> bool {
        number.len() <= NUMBER_BYTES_MAX && self.0.regex.is_match(number)
    }
}

/// The last line of a parser's complaint: the ones before draw the pattern.
fn in_a_line(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// What everything that `hir` takes begins with, and whether that is all of it.
fn beginning(hir: &Hir) -> (String, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(Look::Start) => (String::new(), true),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => (text.to_owned(), true),
            Err(_) => (String::new(), false),
        },
        HirKind::Capture(capture) => beginning(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => (beginning(&repetition.sub).0, false),
        HirKind::Concat(parts) => {
            let mut all = String::new();
            for part in parts {
                let (text, whole) = beginning(part);
                all.push_str(&text);
                if !whole {
                    return (all, false);
                }
            }
            (all, true)
        }
        HirKind::Alternation(branches) => {
            let mut texts = branches.iter().map(|branch| beginning(branch).0);
            let first = texts.next().unwrap_or_default();
            (texts.fold(first, |all, text| shared(&all, &text).to_owned()), false)
        }
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => (String::new(), false),
    }
}

/// What both begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    &one[..same.map_or(one.len().min(other.len()), |((at, _), _)| at)]
}

/// A change of the dialled number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NumberRewrite {
    /// Characters removed from the front.
    pub strip: usize,
    /// Characters then put in front.
    pub prepend: String,
}

impl NumberRewrite {
    /// The number that is sent for the number `dialled`.
    #[must_use]
    pub fn apply(&self, dialled: &str) -> String {
        let Self { strip, prepend } = self;
        let kept = dialled.char_indices().nth(*strip).map_or("", |(start, _)| &dialled[start..]);
        format!("{prepend}{kept}")
    }
}

#[cfg(test)]
mod tests;
