//! The arithmetic of a proof (RFC 7616 section 3.4.1), the same on both sides.

use subtle::ConstantTimeEq;

use super::{Algorithm, HexDigest, Login};

/// What a proof covers, and what the client adds for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection<'a> {
    /// Method and URI, without a nonce of the client's, as before RFC 2617.
    None,
    /// Method and URI.
    Auth {
        /// How often the nonce has been used, this time included.
        count: u32,
        /// The client's own nonce.
        cnonce: &'a [u8],
    },
    /// The body, too.
    AuthInt {
        /// How often the nonce has been used, this time included.
        count: u32,
        /// The client's own nonce.
        cnonce: &'a [u8],
    },
}

impl<'a> Protection<'a> {
    /// Reads what `qop` names.
    pub(super) const fn of(qop: &[u8], count: u32, cnonce: &'a [u8]) -> Option<Self> {
        if qop.eq_ignore_ascii_case(b"auth") {
            Some(Self::Auth { count, cnonce })
        } else if qop.eq_ignore_ascii_case(b"auth-int") {
            Some(Self::AuthInt { count, cnonce })
        } else {
            None
        }
    }
}

/// What a proof is made of beside key and request.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// How it is hashed.
    pub algorithm: Algorithm,
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// What it covers.
    pub protection: Protection<'a>,
}

impl Proof<'_> {
    /// What of a login both sides have to know: RFC 7616's H(A1) before a session makes it its own. As good as the password.
    #[must_use]
    pub fn key(algorithm: Algorithm, login: &Login, realm: &[u8]) -> HexDigest {
        algorithm.hash.of(&[login.username.as_bytes(), realm, login.password.expose()])
    }

    /// The proof for a request of this method, URI and body.
    #[must_use]
    pub fn make(&self, key: &HexDigest, (method, uri): (&[u8], &[u8]), body: &[u8]) -> HexDigest {
        let Algorithm { hash, session } = self.algorithm;
        let session_key = match self.protection {
            Protection::Auth { cnonce, .. } | Protection::AuthInt { cnonce, .. } if session => {
                hash.of(&[key.as_bytes(), self.nonce, cnonce])
            }
            Protection::None | Protection::Auth { .. } | Protection::AuthInt { .. } => key.clone(),
        };
        let key = session_key.as_bytes();
        let counted = |count: u32, cnonce: &[u8], qop: &[u8], covered: HexDigest| {
            let count = format!("{count:08x}");
            hash.of(&[key, self.nonce, count.as_bytes(), cnonce, qop, covered.as_bytes()])
        };
        match self.protection {
            Protection::None => hash.of(&[key, self.nonce, hash.of(&[method, uri]).as_bytes()]),
            Protection::Auth { count, cnonce } => counted(count, cnonce, b"auth", hash.of(&[method, uri])),
            Protection::AuthInt { count, cnonce } => {
                let body = hash.of(&[body]);
                counted(count, cnonce, b"auth-int", hash.of(&[method, uri, body.as_bytes()]))
            }
        }
    }

    /// Whether `response` is the proof, in a time that does not tell how much of it is right.
    #[must_use]
    pub fn is(&self, response: &[u8], key: &HexDigest, request: (&[u8], &[u8]), body: &[u8]) -> bool {
        let made = self.make(key, request, body);
        // RFC 7616 section 3.4.1 has lower-case digits; somebody's upper-case ones mean the same.
        let mut said = [0_u8; 64];
        let Some(said) = said.get_mut(..response.len()) else { return false };
        said.copy_from_slice(response);
        said.make_ascii_lowercase();
        made.as_bytes().ct_eq(said).into()
    }
}
