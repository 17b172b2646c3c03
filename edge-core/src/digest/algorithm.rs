//! Which function hashes, and whether the key is made anew for each session (RFC 7616 section 3.3, RFC 8760 section 2.1).

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use zeroize::Zeroize;

/// A hash function; the stronger one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// MD5: what everybody speaks. Broken as a hash, and here only as good as the password is long.
    Md5,
    /// SHA-256, which RFC 8760 asks of everybody.
    Sha256,
    /// SHA-512/256.
    Sha512_256,
}

impl Hash {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::Sha512_256, Self::Sha256, Self::Md5];

    /// Its name in the registry of digest algorithms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// The hash of `parts`, joined by colons.
    #[must_use]
    pub fn of(self, parts: &[&[u8]]) -> HexDigest {
        match self {
            Self::Md5 => HexDigest::new(&joined::<Md5>(parts)),
            Self::Sha256 => HexDigest::new(&joined::<Sha256>(parts)),
            Self::Sha512_256 => HexDigest::new(&joined::<Sha512_256>(parts)),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut digest = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    digest.finalize()
}

/// What the `algorithm` parameter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithm {
    /// The function.
    pub hash: Hash,
    /// Whether its key is made of the first nonces of both sides, too (`-sess`).
    pub session: bool,
}

impl Algorithm {
    /// What a challenge without the parameter means.
    pub const DEFAULT: Self = Self { hash: Hash::Md5, session: false };

    /// Reads a name, without regard to case.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let (base, session) = match name.len().checked_sub(SESSION.len()) {
            Some(at) if name[at..].eq_ignore_ascii_case(SESSION) => (&name[..at], true),
            Some(_) | None => (name, false),
        };
        let hash = Hash::ALL.into_iter().find(|hash| base.eq_ignore_ascii_case(hash.as_str().as_bytes()))?;
        Some(Self { hash, session })
    }
}

const SESSION: &[u8] = b"-sess";

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.as_str())?;
        if self.session { f.write_str("-sess") } else { Ok(()) }
    }
}

/// The hash functions that the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithms {
    allowed: [bool; Hash::ALL.len()],
}

impl Algorithms {
    /// Just these.
    #[must_use]
    pub fn only(hashes: &[Hash]) -> Self {
        Self { allowed: Hash::ALL.map(|hash| hashes.contains(&hash)) }
    }

    /// Whether `hash` is allowed.
    #[must_use]
    pub fn allows(self, hash: Hash) -> bool {
        self.iter().any(|allowed| allowed == hash)
    }

    /// Those allowed, the strongest first.
    pub fn iter(self) -> impl Iterator<Item = Hash> {
        Hash::ALL.into_iter().zip(self.allowed).filter(|(_, allowed)| *allowed).map(|(hash, _)| hash)
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self::only(&Hash::ALL)
    }
}

/// A hash in lower-case hexadecimal digits. Of a password it is as good as the password, so it is treated as one.
#[derive(Clone)]
pub struct HexDigest {
    digits: [u8; Self::LENGTH_MAX],
    length: usize,
}

impl HexDigest {
    const LENGTH_MAX: usize = 64;

    fn new(hash: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; Self::LENGTH_MAX];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 0xf)];
        }
        Self { digits, length: (hash.len() * 2).min(Self::LENGTH_MAX) }
    }

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

impl Drop for HexDigest {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}

impl fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexDigest(..)")
    }
}
