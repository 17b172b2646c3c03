//! The forms of plain values: bounded numbers, durations, names, paths, codecs, dialled numbers.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use edge_core::policy::Codec;
use toml::de::DeValue;

use super::document::{FromToml, wrong_type};
use super::fault::Fault;

/// Longest device name (`IFNAMSIZ` less its terminator), in bytes.
const DEVICE_BYTES_MAX: usize = 15;

/// Longest name of a section, in bytes: it is written into each CDR and log line.
const NAME_BYTES_MAX: usize = 64;

impl<'a> FromToml<'a> for &'a str {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        value.as_str().ok_or_else(|| wrong_type(value, "a string, in quotes"))
    }
}

impl<'a> FromToml<'a> for bool {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        value.as_bool().ok_or_else(|| wrong_type(value, "true or false"))
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within<const MIN: u32, const MAX: u32>(pub(super) u32);

impl<'a, const MIN: u32, const MAX: u32> FromToml<'a> for Within<MIN, MAX> {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let integer =
            value.as_integer().ok_or_else(|| wrong_type(value, "a whole number, without quotes"))?;
        u32::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| Fault::OutOfRange {
                found: integer.to_string(),
                min: u64::from(MIN),
                max: u64::from(MAX),
            })
    }
}

/// A bound of a trunk: at least one, because a trunk that may do nothing is a disabled one.
impl<'a> FromToml<'a> for NonZeroU32 {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let whole = Within::<0, { u32::MAX }>::from_toml(value);
        Self::new(whole?.0).ok_or(Fault::Zero)
    }
}

impl<'a> FromToml<'a> for Duration {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        duration(text)
            .ok_or_else(|| form(text, "a number and its unit, such as \"1500ms\", \"30s\", \"2m\" or \"1h\""))
    }
}

pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

/// The name of a realm, trunk or route: one word that logs and CDRs can carry as it is.
#[derive(Debug, Clone)]
pub(super) struct Name(pub(super) String);

impl<'a> FromToml<'a> for Name {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        fits.then(|| Self(text.to_owned()))
            .ok_or_else(|| form(text, "1 to 64 letters, digits, dashes, dots and underscores"))
    }
}

/// The name of the node, which is also a directory of bpffs: that file system refuses dots.
#[derive(Debug, Clone)]
pub(super) struct NodeName(pub(super) String);

impl<'a> FromToml<'a> for NodeName {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        fits.then(|| Self(text.to_owned())).ok_or_else(|| {
            form(text, "1 to 64 letters, digits, dashes and underscores: it names a directory of bpffs")
        })
    }
}

/// An absolute path.
#[derive(Debug, Clone)]
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl<'a> FromToml<'a> for AbsolutePath {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let path = PathBuf::from(text);
        if path.is_absolute() { Ok(Self(path)) } else { Err(form(text, "an absolute path, from / on")) }
    }
}

/// A network device, by the kernel's rules for its name.
#[derive(Debug, Clone)]
pub(super) struct DeviceName(pub(super) String);

impl<'a> FromToml<'a> for DeviceName {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = (1..=DEVICE_BYTES_MAX).contains(&text.len())
            && !matches!(text, "." | "..")
            && text.bytes().all(|b| b.is_ascii_graphic() && !b"/:".contains(&b));
        fits.then(|| Self(text.to_owned()))
            .ok_or_else(|| form(text, "a network device of at most 15 characters, such as \"eth0\""))
    }
}

/// An encoding name of SDP (RFC 8866 section 9: a token), or what names begin with, and `*`.
impl<'a> FromToml<'a> for Codec {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let name = text.strip_suffix('*').unwrap_or(text);
        let token =
            !text.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
        token
            .then(|| Self::new(text))
            .ok_or_else(|| form(text, "an encoding name such as \"PCMA\", or a beginning such as \"AMR*\""))
    }
}

/// A dialled number or its beginning: what a user part holds without escapes (RFC 3261 section 25.1).
#[derive(Debug, Clone)]
pub(super) struct Number(pub(super) String);

impl<'a> FromToml<'a> for Number {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let dialled = text.len() <= NAME_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+*#-_.".contains(&b));
        dialled
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| form(text, "up to 64 digits or letters, +, *, #, -, _ and ."))
    }
}

/// The fault of a value without the form of its key.
pub(super) fn form(found: &str, expected: &'static str) -> Fault {
    Fault::Form { found: found.to_owned(), expected }
}
