//! Changes that an operator makes to the headers of a trunk's messages, as data: add, remove, replace.
//!
//! Invariants: a header that makes a message what it is ([`WIRE`]) is never touched, whatever a pattern says; a value stays
//! on one line and within the bounds of every reader; what a rule costs is linear in the length of the message.

mod name;
mod template;

use std::borrow::Cow;

use bytes::Bytes;
use regex::bytes::{Regex, RegexBuilder};

use super::{Header, HeaderName, Message, MessageLimits};
pub use name::HeaderPattern;
use name::WIRE;
use template::Template;

/// Rules of one direction of a trunk; real ones have two or three.
pub const HEADER_RULES_MAX: usize = 64;

/// Longest regular expression and value of a rule, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// Most memory that an expression is compiled to, in bytes.
const EXPRESSION_SIZE_MAX: usize = 256 << 10;

/// Longest value that a replacement may make: what the strictest readers take (`limits.header_bytes`).
const VALUE_BYTES_MAX: usize = 4096;

/// The rules of one direction, in the order in which they are carried out.
#[derive(Debug, Clone, Default)]
pub struct HeaderRules {
    rules: Vec<HeaderRule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct HeaderRule {
    /// Messages that it is for.
    pub on: RuledMessages,
    /// What it does.
    pub change: HeaderChange,
}

/// Messages that a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuledMessages {
    /// Requests.
    #[default]
    Requests,
    /// Responses.
    Responses,
    /// Both.
    All,
}

/// What a rule does.
#[derive(Debug, Clone)]
pub enum HeaderChange {
    /// A header more.
    Add(AddedHeader),
    /// These headers less.
    Remove(HeaderPattern),
    /// Other values.
    Replace(ReplacedHeader),
}

/// A header that is added.
#[derive(Debug, Clone)]
pub struct AddedHeader {
    name: String,
    value: Template,
}

/// Headers whose values are changed.
#[derive(Debug, Clone)]
pub struct ReplacedHeader {
    names: HeaderPattern,
    expression: Regex,
    with: String,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRuleError {
    /// A header that rules must not touch.
    #[error("{name} makes the message what it is, and no rule may touch it")]
    Wire {
        /// The header.
        name: &'static str,
    },
    /// A header that the edge decides about itself.
    #[error("{name} is what the edge itself says to each side; it cannot pass as it is")]
    Ours {
        /// The header.
        name: &'static str,
    },
    /// No name of a header, or a wildcard elsewhere than at the end.
    #[error("\"{0}\" is no name of a header; write for example \"X-Account\" or \"P-Charging-*\"")]
    Name(String),
    /// A header without a value.
    #[error("\"{0}\" is no header; write for example \"X-Account: 42\"")]
    Header(String),
    /// A value that is longer than it may be, or has a control character in it.
    #[error("a value has one line of at most 512 bytes")]
    Value,
    /// A variable that nobody knows.
    #[error("{{{0}}} is not known; the variables are {{caller}}, {{called}} and {{trunk}}")]
    Variable(String),
    /// No regular expression, or one that is too large.
    #[error("no regular expression: {0}")]
    Expression(String),
}

impl AddedHeader {
    /// The header that `text` writes, as `X-Account: 42`, for messages of `trunk`.
    ///
    /// # Errors
    /// [`HeaderRuleError`].
    pub fn new(text: &str, trunk: &str) -> Result<Self, HeaderRuleError> {
        let (name, value) = text.split_once(':').ok_or_else(|| HeaderRuleError::Header(text.to_owned()))?;
        let (name, value) = (name.trim_end().to_owned(), value.trim());
        HeaderPattern::exact(&name)?.refuse_wire()?;
        if value.is_empty() {
            return Err(HeaderRuleError::Header(text.to_owned()));
        }
        Ok(Self { name, value: Template::new(check_value(value)?, trunk)? })
    }
}

impl ReplacedHeader {
    /// In values of `names` what matches `expression` becomes `with`, in which `$1` is the first group.
    ///
    /// # Errors
    /// [`HeaderRuleError`].
    pub fn new(names: HeaderPattern, expression: &str, with: &str) -> Result<Self, HeaderRuleError> {
        names.refuse_wire()?;
        let built = RegexBuilder::new(check_value(expression)?)
            .size_limit(EXPRESSION_SIZE_MAX)
            .dfa_size_limit(EXPRESSION_SIZE_MAX)
            .build();
        let expression = built.map_err(|error| {
            let text = error.to_string();
            HeaderRuleError::Expression(text.lines().last().unwrap_or_default().trim().to_owned())
        })?;
        Ok(Self { names, expression, with: check_value(with)?.to_owned() })
    }

    fn apply<'a>(&self, value: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let changed = self.expression.replace_all(&value, self.with.as_bytes());
        match changed {
            Cow::Owned(changed) if changed.len() <= VALUE_BYTES_MAX => Cow::Owned(changed),
            Cow::Owned(_) | Cow::Borrowed(_) => value,
        }
    }
}

fn check_value(value: &str) -> Result<&str, HeaderRuleError> {
    let fits = value.len() <= TEXT_BYTES_MAX && !value.chars().any(char::is_control);
    if fits { Ok(value) } else { Err(HeaderRuleError::Value) }
}

/// A header while rules are carried out: its name, as written and as it is known, and its value on one line.
struct Line<'a> {
    name: HeaderName,
    raw_name: Cow<'a, [u8]>,
    value: Cow<'a, [u8]>,
}

impl<'a> Line<'a> {
    fn of(header: Header<'a>) -> Self {
        let folded = header.value.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        let unfold = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        let value = if folded {
            header.value.iter().map(unfold).collect::<Vec<_>>().into()
        } else {
            header.value.into()
        };
        Self { name: header.name, raw_name: header.raw_name.into(), value }
    }

    fn is_ruled_by(&self, names: &HeaderPattern) -> bool {
        !WIRE.contains(&self.name) && names.fits(self.name, &self.raw_name)
    }
}

impl HeaderRules {
    /// Rules, to be carried out in this order.
    #[must_use]
    pub const fn new(rules: Vec<HeaderRule>) -> Self {
        Self { rules }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// The message as the rules want it. One that cannot be read stays as it is.
    #[must_use]
    pub fn apply(&self, bytes: Bytes) -> Bytes {
        let Ok(message) = Message::parse(bytes.clone(), &MessageLimits::default()) else { return bytes };
        let on = if message.is_request() { RuledMessages::Requests } else { RuledMessages::Responses };
        let mut rules =
            self.rules.iter().filter(|rule| rule.on == on || rule.on == RuledMessages::All).peekable();
        if rules.peek().is_none() {
            return bytes;
        }
        let mut lines: Vec<Line<'_>> = message.headers().map(Line::of).collect();
        for rule in rules {
            match &rule.change {
                HeaderChange::Add(added) => lines.push(Line {
                    name: HeaderName::parse(added.name.as_bytes()),
                    raw_name: added.name.as_bytes().into(),
                    value: added.value.fill(&message).into(),
                }),
                HeaderChange::Remove(names) => lines.retain(|line| !line.is_ruled_by(names)),
                HeaderChange::Replace(replaced) => {
                    for line in lines.iter_mut().filter(|line| line.is_ruled_by(&replaced.names)) {
                        line.value = replaced.apply(std::mem::take(&mut line.value));
                    }
                }
            }
        }
        written(&message, &lines).into()
    }
}

/// A header without a value says nothing, and some readers refuse it.
fn written(message: &Message, lines: &[Line<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.bytes().len() + 128);
    out.extend_from_slice(message.start_line());
    out.extend_from_slice(b"\r\n");
    for line in lines.iter().filter(|line| !line.value.is_empty() || WIRE.contains(&line.name)) {
        for part in [&line.raw_name[..], b": ", &line.value[..], b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&message.body());
    out
}

#[cfg(test)]
mod tests;
