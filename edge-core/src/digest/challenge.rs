//! A challenge: `WWW-Authenticate` and `Proxy-Authenticate` (RFC 7616 section 3.3, RFC 3261 section 22.4).

use crate::sip::{HeaderName, Message};

use super::Algorithm;
use super::wire::{Piece, Pieces, push_quoted, push_token};

/// Challenges of one message that are read. RFC 8760 has one for each algorithm of a realm, and forks add realms.
const CHALLENGES_MAX: usize = 16;

/// What a proof covers (quality of protection).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qop {
    /// Nothing is said: as before RFC 2617.
    None,
    /// Method and URI.
    Auth,
    /// The body, too.
    AuthInt,
}

/// A challenge that asks for a digest, over the header it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Whose password is wanted.
    pub realm: &'a [u8],
    /// What has to be in the hash.
    pub nonce: &'a [u8],
    /// What is to be repeated.
    pub opaque: Option<&'a [u8]>,
    /// The algorithm; `None` when it is not named, which means MD5.
    pub algorithm: Option<Algorithm>,
    /// The best protection that we take of those that are offered.
    pub qop: Qop,
    /// Whether nothing was wrong but the age of the nonce.
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// The challenges of `message` in headers of this name that we could answer, in order. Others are passed over.
    pub fn all(message: &'a Message, name: HeaderName) -> impl Iterator<Item = Self> {
        message.all(name).flat_map(Self::parse).take(CHALLENGES_MAX)
    }

    /// The challenges in one value, which may hold several.
    pub fn parse(value: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut pieces = Pieces::new(value).peekable();
        std::iter::from_fn(move || {
            loop {
                let Piece::Scheme(scheme) = pieces.next()? else { continue };
                let mut draft = Draft::default();
                while let Some(piece) = pieces.next_if(|piece| !matches!(piece, Piece::Scheme(_))) {
                    draft.take(piece);
                }
                if let (true, Some(challenge)) = (scheme.eq_ignore_ascii_case(b"Digest"), draft.finish()) {
                    return Some(challenge);
                }
            }
        })
    }

    /// The algorithm that is meant.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::DEFAULT)
    }

    /// The header's value.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let mut out = b"Digest ".to_vec();
        push_quoted(&mut out, "realm", self.realm);
        push_quoted(&mut out, "nonce", self.nonce);
        self.opaque.into_iter().for_each(|opaque| push_quoted(&mut out, "opaque", opaque));
        if self.stale {
            push_token(&mut out, "stale", "true");
        }
        self.algorithm.into_iter().for_each(|named| push_token(&mut out, "algorithm", &named.to_string()));
        match self.qop {
            Qop::None => {}
            Qop::Auth => push_quoted(&mut out, "qop", b"auth"),
            Qop::AuthInt => push_quoted(&mut out, "qop", b"auth-int"),
        }
        out
    }
}

/// A challenge as far as it is read.
#[derive(Debug, Default)]
struct Draft<'a> {
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    opaque: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    qop: Option<&'a [u8]>,
    stale: Option<&'a [u8]>,
    /// A parameter twice, or what is none: which one counts would be a guess.
    broken: bool,
}

impl<'a> Draft<'a> {
    fn take(&mut self, piece: Piece<'a>) {
        let Piece::Param(name, value) = piece else {
            self.broken = true;
            return;
        };
        let slots: [(&[u8], &mut Option<&'a [u8]>); 6] = [
            (b"realm", &mut self.realm),
            (b"nonce", &mut self.nonce),
            (b"opaque", &mut self.opaque),
            (b"algorithm", &mut self.algorithm),
            (b"qop", &mut self.qop),
            (b"stale", &mut self.stale),
        ];
        // RFC 7616 section 3.3: others are passed over.
        if let Some((_, slot)) = slots.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            self.broken |= slot.replace(value).is_some();
        }
    }

    fn finish(self) -> Option<Challenge<'a>> {
        let algorithm = match self.algorithm {
            Some(name) => Some(Algorithm::parse(name)?),
            None => None,
        };
        let qop = match self.qop {
            Some(offered) => best_of(offered)?,
            None => Qop::None,
        };
        // RFC 2617 section 3.2.2.2: the key of a session needs a nonce of the client's, which only qop has.
        let keyless = algorithm.is_some_and(|algorithm| algorithm.session) && qop == Qop::None;
        if self.broken || keyless {
            return None;
        }
        let stale = self.stale.is_some_and(|stale| stale.eq_ignore_ascii_case(b"true"));
        let (realm, nonce) = (self.realm?, self.nonce.filter(|nonce| !nonce.is_empty())?);
        Some(Challenge { realm, nonce, opaque: self.opaque, algorithm, qop, stale })
    }
}

/// The protection that we take: without the body when we may choose, for a proxy on the way may change that.
fn best_of(offered: &[u8]) -> Option<Qop> {
    let offers = |wanted: &[u8]| {
        offered.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    if offers(b"auth") {
        Some(Qop::Auth)
    } else if offers(b"auth-int") {
        Some(Qop::AuthInt)
    } else {
        // RFC 2617 section 3.2.1 lets options be passed over that are not known; an empty list says nothing.
        offered.trim_ascii().is_empty().then_some(Qop::None)
    }
}
