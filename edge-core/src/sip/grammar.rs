//! The pieces that all header values are made of (RFC 3261 section 25.1): tokens, quoted strings, linear
//! white space, comma lists and parameters.
//!
//! Values may hold folds, so CR and LF count as white space here; framing has made sure that they are folds.

/// A part of a value that was read before, by offsets; values are shorter than 64 kB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// The place of `part` in `whole`; `part` must be a subslice of `whole`.
    pub(super) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        Self::new(start, start + part.len())
    }

    /// From `start` to before `end`; framing keeps both below 65,536.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let offset = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    /// The bytes it stands for.
    pub(super) fn of_bytes(self, whole: &[u8]) -> &[u8] {
        whole.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    pub(super) const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// `token` of RFC 3261 section 25.1.
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// White space between the parts of a value, folds included.
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without white space in front.
pub(crate) fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_lws(*byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

/// `bytes` without white space behind.
pub(super) fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !is_lws(*byte)).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// `bytes` without white space around.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// A number of digits only; `None` when there is another byte, no digit, or more than 64 bits.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// A port from 1 to 65,535.
pub(super) fn port(bytes: &[u8]) -> Option<u16> {
    decimal(bytes).and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0)
}

/// Length of the quoted string that `bytes` starts with, both quotes included; `None` when it does not end.
pub(crate) fn quoted_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Splits at the bytes that `stop` accepts: what comes before the first, and the rest from there on.
pub(crate) fn split_where(bytes: &[u8], stop: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| stop(*byte)).unwrap_or(bytes.len()))
}

/// The values of a comma-joined header, trimmed; commas in quotes and angle brackets do not count. Never
/// yields an empty value.
pub(super) fn comma_values(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(comma_at(rest));
            rest = tail.get(1..).unwrap_or_default();
            let head = trim(head);
            if !head.is_empty() {
                return Some(head);
            }
        }
        None
    })
}

/// Where the first value of a comma list ends.
fn comma_at(value: &[u8]) -> usize {
    let mut at = 0;
    let mut bracketed = false;
    while let Some(byte) = value.get(at) {
        match byte {
            b',' if !bracketed => break,
            b'"' if !bracketed => match quoted_length(&value[at..]) {
                Some(length) => {
                    at += length;
                    continue;
                }
                None => return value.len(),
            },
            b'<' => bracketed = true,
            b'>' => bracketed = false,
            _ => {}
        }
        at += 1;
    }
    at
}

/// A parameter of a header value or of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name as written.
    pub name: &'a [u8],
    /// What follows the equals sign as written, quotes included; `None` for a flag.
    pub value: Option<&'a [u8]>,
}

/// The parameters of a header value or of a URI, in order.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    rest: &'a [u8],
}

/// A list of parameters that does not follow `*( ";" name [ "=" value ] )`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadParam;

impl<'a> Params<'a> {
    /// Reads `bytes`, which is empty or starts with a semicolon.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The parameter called `name`, without regard to case; the first one when there are several.
    #[must_use]
    pub fn get(self, name: &[u8]) -> Option<Param<'a>> {
        let mut params = self;
        params.find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// Value of a parameter that names a dialog or a transaction: it has one, and that is never a quoted
    /// string.
    pub(super) fn word(self, name: &[u8]) -> Result<Option<&'a [u8]>, BadParam> {
        match self.get(name) {
            None => Ok(None),
            Some(Param { value: Some(value), .. }) if !value.starts_with(b"\"") => Ok(Some(value)),
            Some(_) => Err(BadParam),
        }
    }

    /// Walks the whole list once.
    pub(super) fn check(mut self) -> Result<(), BadParam> {
        while let Some((_, rest)) = take_param(self.rest)? {
            self.rest = rest;
        }
        Ok(())
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    /// The next parameter; a malformed one ends the list.
    fn next(&mut self) -> Option<Self::Item> {
        let (param, rest) = take_param(self.rest).ok()??;
        self.rest = rest;
        Some(param)
    }
}

fn take_param(bytes: &[u8]) -> Result<Option<(Param<'_>, &[u8])>, BadParam> {
    let bytes = trim_start(bytes);
    let Some((separator, rest)) = bytes.split_first() else { return Ok(None) };
    if *separator != b';' {
        return Err(BadParam);
    }
    let (name, rest) = split_where(trim_start(rest), |byte| byte == b'=' || ends_value(byte));
    if name.is_empty() {
        return Err(BadParam);
    }
    let rest = trim_start(rest);
    let Some(rest) = rest.strip_prefix(b"=") else {
        return Ok(Some((Param { name, value: None }, rest)));
    };
    let (value, rest) = take_value(trim_start(rest)).ok_or(BadParam)?;
    Ok(Some((Param { name, value: Some(value) }, rest)))
}

fn take_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.first() == Some(&b'"') {
        return Some(bytes.split_at(quoted_length(bytes)?));
    }
    let (value, rest) = split_where(bytes, ends_value);
    (!value.is_empty()).then_some((value, rest))
}

const fn ends_value(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_control() || matches!(byte, b';' | b',' | b'"' | b'<' | b'>')
}

#[cfg(test)]
mod tests;
