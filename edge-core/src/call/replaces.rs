//! Replaces (RFC 3891): the dialog that an INVITE is to take the place of.

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::sip::NameAddr;

/// Which dialog, as its user agent at our end sees it: its own tag is the To tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaces {
    pub(crate) call_id: Bytes,
    pub(crate) to_tag: Bytes,
    pub(crate) from_tag: Bytes,
    /// Only while it is not answered.
    pub(crate) early_only: bool,
}

impl Replaces {
    /// Reads a header's value: `callid *(SEMI replaces-param)`, with both tags once.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b';', value)?;
        let call_id = value[..end].trim_ascii();
        if call_id.is_empty() || call_id.iter().any(|byte| *byte <= b' ' || *byte >= 0x7f) {
            return None;
        }
        // An address with these parameters is one way to read them.
        let carrier = NameAddr::parse([b"<sip:r>", &value[end..]].concat().into()).ok()?;
        let only = |name: &[u8]| {
            let mut found = carrier.params().filter(|param| param.name.eq_ignore_ascii_case(name));
            let value = found.next()?.value?;
            found.next().is_none().then(|| Bytes::copy_from_slice(value))
        };
        Some(Self {
            call_id: Bytes::copy_from_slice(call_id),
            to_tag: only(b"to-tag")?,
            from_tag: only(b"from-tag")?,
            early_only: carrier.params().get(b"early-only").is_some(),
        })
    }

    /// Whether it names `dialog`, as we see it.
    pub(crate) fn names(&self, dialog: &Dialog) -> bool {
        self.call_id == dialog.call_id
            && self.to_tag == dialog.local_tag
            && Some(&self.from_tag) == dialog.remote_tag.as_ref()
    }

    /// Whether it names `dialog` as our peer sees it.
    pub(crate) fn names_far_end_of(&self, dialog: &Dialog) -> bool {
        self.call_id == dialog.call_id
            && self.from_tag == dialog.local_tag
            && Some(&self.to_tag) == dialog.remote_tag.as_ref()
    }

    /// `dialog` as our peer sees it: what names it to him.
    pub(crate) fn far_end_of(dialog: &Dialog) -> Option<Self> {
        Some(Self {
            call_id: dialog.call_id.clone(),
            to_tag: dialog.remote_tag.clone()?,
            from_tag: dialog.local_tag.clone(),
            early_only: false,
        })
    }

    /// As a header of a URI, escaped (RFC 3261 section 19.1.1).
    pub(crate) fn in_uri(&self) -> String {
        let mut text = String::from("Replaces=");
        let parts: [&[u8]; 5] = [&self.call_id, b";to-tag=", &self.to_tag, b";from-tag=", &self.from_tag];
        for byte in parts.concat() {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
