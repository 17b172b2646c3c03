//! An answer to a challenge: `Authorization` and `Proxy-Authorization` (RFC 7616 section 3.4).

use super::wire::{Piece, Pieces, push_quoted, push_token};
use super::{Algorithm, HexDigest, Proof, Protection};

/// Credentials, over the header they were read from or are written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// Who wants to be let in.
    pub username: &'a [u8],
    /// Where.
    pub realm: &'a [u8],
    /// The nonce that is answered.
    pub nonce: &'a [u8],
    /// The request-URI that the proof covers.
    pub uri: &'a [u8],
    /// The proof, in hexadecimal digits.
    pub response: &'a [u8],
    /// The algorithm; `None` when it is not named, which means MD5.
    pub algorithm: Option<Algorithm>,
    /// What the challenge wanted repeated.
    pub opaque: Option<&'a [u8]>,
    /// What the proof covers.
    pub protection: Protection<'a>,
}

impl<'a> Authorization<'a> {
    /// Reads one value; `None` when it is of another scheme, or cannot be verified for what it lacks.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut pieces = Pieces::new(value);
        let Some(Piece::Scheme(scheme)) = pieces.next() else { return None };
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return None;
        }
        let mut draft = Draft::default();
        pieces.try_for_each(|piece| draft.take(piece))?;
        draft.finish()
    }

    /// The algorithm that is meant.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::DEFAULT)
    }

    /// Whether it proves that its sender has the password of which `key` is made ([`Proof::key`]), for a request of this
    /// method and body. Whether nonce, count and URI are those that are wanted is the caller's to say.
    #[must_use]
    pub fn is_proven(&self, key: &HexDigest, method: &[u8], body: &[u8]) -> bool {
        let (algorithm, nonce, protection) = (self.algorithm(), self.nonce, self.protection);
        Proof { algorithm, nonce, protection }.is(self.response, key, (method, self.uri), body)
    }

    /// The header's value.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(400);
        out.extend_from_slice(b"Digest ");
        push_quoted(&mut out, "username", self.username);
        push_quoted(&mut out, "realm", self.realm);
        push_quoted(&mut out, "nonce", self.nonce);
        push_quoted(&mut out, "uri", self.uri);
        push_quoted(&mut out, "response", self.response);
        self.algorithm.into_iter().for_each(|named| push_token(&mut out, "algorithm", &named.to_string()));
        self.opaque.into_iter().for_each(|opaque| push_quoted(&mut out, "opaque", opaque));
        let (qop, count, cnonce) = match self.protection {
            Protection::None => return out,
            Protection::Auth { count, cnonce } => ("auth", count, cnonce),
            Protection::AuthInt { count, cnonce } => ("auth-int", count, cnonce),
        };
        // RFC 7616 section 3.4: in credentials this is a token, unlike in a challenge.
        push_token(&mut out, "qop", qop);
        push_quoted(&mut out, "cnonce", cnonce);
        push_token(&mut out, "nc", &format!("{count:08x}"));
        out
    }
}

#[derive(Debug, Default)]
struct Draft<'a> {
    username: Option<&'a [u8]>,
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    uri: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    opaque: Option<&'a [u8]>,
    qop: Option<&'a [u8]>,
    cnonce: Option<&'a [u8]>,
    count: Option<&'a [u8]>,
}

impl<'a> Draft<'a> {
    /// Takes one parameter. One that comes twice makes the whole unreadable: which one counts would be a guess.
    fn take(&mut self, piece: Piece<'a>) -> Option<()> {
        let Piece::Param(name, value) = piece else { return None };
        let slot = self.slot(name);
        match slot {
            Some(slot) if slot.is_some() => None,
            Some(slot) => {
                *slot = Some(value);
                Some(())
            }
            None => Some(()),
        }
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let slots: [(&[u8], &mut Option<&'a [u8]>); 10] = [
            (b"username", &mut self.username),
            (b"realm", &mut self.realm),
            (b"nonce", &mut self.nonce),
            (b"uri", &mut self.uri),
            (b"response", &mut self.response),
            (b"algorithm", &mut self.algorithm),
            (b"opaque", &mut self.opaque),
            (b"qop", &mut self.qop),
            (b"cnonce", &mut self.cnonce),
            (b"nc", &mut self.count),
        ];
        slots.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, slot)| slot)
    }

    fn finish(self) -> Option<Authorization<'a>> {
        let algorithm = match self.algorithm {
            Some(name) => Some(Algorithm::parse(name)?),
            None => None,
        };
        let protection = match self.qop {
            None => Protection::None,
            Some(qop) => Protection::of(qop, count_of(self.count?)?, self.cnonce?)?,
        };
        Some(Authorization {
            username: self.username?,
            realm: self.realm?,
            nonce: self.nonce?,
            uri: self.uri?,
            response: self.response?,
            algorithm,
            opaque: self.opaque,
            protection,
        })
    }
}

/// `nc`: eight hexadecimal digits; fewer are read as well.
fn count_of(digits: &[u8]) -> Option<u32> {
    let plain = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = plain.then(|| std::str::from_utf8(digits).ok())??;
    u32::from_str_radix(digits, 16).ok()
}
