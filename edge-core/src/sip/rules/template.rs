//! A value with variables.

use crate::sip::{HeaderName, Message, NameAddr};

use super::HeaderRuleError;

/// Text with variables in it.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// The number in From.
    Caller,
    /// The number in To.
    Called,
}

impl Template {
    /// Reads `{caller}`, `{called}` and `{trunk}`, which is `trunk`.
    pub(super) fn new(text: &str, trunk: &str) -> Result<Self, HeaderRuleError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            parts.push(Part::Text(before.to_owned()));
            let (variable, behind) =
                behind.split_once('}').ok_or_else(|| HeaderRuleError::Variable(behind.to_owned()))?;
            parts.push(match variable {
                "caller" => Part::Caller,
                "called" => Part::Called,
                "trunk" => Part::Text(trunk.to_owned()),
                _ => return Err(HeaderRuleError::Variable(variable.to_owned())),
            });
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// The text for one message.
    pub(super) fn fill(&self, message: &Message) -> Vec<u8> {
        let mut filled = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Caller => filled.extend(number(message, HeaderName::From)),
                Part::Called => filled.extend(number(message, HeaderName::To)),
            }
        }
        filled
    }
}

/// The user of an address as it is written: without line ends, and without what could begin another value.
fn number(message: &Message, name: HeaderName) -> Vec<u8> {
    let party = message.first(name).and_then(|value| NameAddr::parse(message.share(value)).ok());
    let user = party.as_ref().and_then(|party| party.uri().user()).unwrap_or_default();
    user.split(|byte| *byte == b';').next().unwrap_or_default().to_vec()
}
