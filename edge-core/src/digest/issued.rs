//! Nonces of a server that remembers none of them: each says when it was made, and is signed for the place that it was made for.
//!
//! ```text
//! 10 digits: milliseconds    6 digits: random    16 digits: the first half of a keyed hash of those and the place
//! ```
//!
//! Invariants: nobody without the key makes one that is read, nor has one of another place read; what is written is hexadecimal
//! digits, 32 of them, on the stack: a stranger makes us allocate nothing.

use zeroize::Zeroizing;

use super::Hash;

/// Octets of a nonce as it is written.
const LENGTH: usize = 32;

/// Digits of the time: 34 years of milliseconds.
const TIME: usize = 10;

/// Digits before the signature.
const SIGNED: usize = 16;

/// What signs nonces, the same for all shards of a process and for no other one.
#[derive(Clone)]
pub struct NonceKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey(..)")
    }
}

/// A nonce of ours, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; LENGTH]);

impl Nonce {
    /// Its digits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a nonce of ours says: its number, which grows with the time that it was made at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issued(u64);

impl Issued {
    /// The first one that could be made at this time, in milliseconds.
    #[must_use]
    pub const fn first_at(time_ms: u64) -> Self {
        Self(time_ms << 24)
    }

    /// When it was made, in milliseconds.
    #[must_use]
    pub const fn time_ms(self) -> u64 {
        self.0 >> 24
    }
}

impl NonceKey {
    /// Takes a key over, which has to be drawn at random.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// A nonce made at this time, in milliseconds, for a place. `random` makes it another one than the next.
    #[must_use]
    pub fn issue(&self, time_ms: u64, random: u64, place: &[u8]) -> Nonce {
        let number = time_ms << 24 | (random & 0xff_ffff);
        let mut nonce = [0; LENGTH];
        for (at, digit) in nonce[..SIGNED].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (60 - 4 * at) & 0xf) as usize];
        }
        let signature = self.sign(&nonce[..SIGNED], place);
        nonce[SIGNED..].copy_from_slice(&signature);
        Nonce(nonce)
    }

    /// What a nonce says; `None` when it was not made here for this place.
    #[must_use]
    pub fn read(&self, nonce: &[u8], place: &[u8]) -> Option<Issued> {
        use subtle::ConstantTimeEq;
        let (signed, signature) = nonce.split_at_checked(SIGNED)?;
        let digits = |digits: &[u8]| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let genuine: bool = self.sign(signed, place).ct_eq(signature).into();
        let (time, random) = signed.split_at(TIME);
        genuine.then(|| Some(Issued(digits(time)? << 24 | digits(random)?)))?
    }

    fn sign(&self, signed: &[u8], place: &[u8]) -> [u8; LENGTH - SIGNED] {
        // This hash keeps half of its state to itself, so the key in front of it is enough (no HMAC needed).
        let hash = Hash::Sha512_256.of(&[self.0.as_slice(), signed, place]);
        let mut signature = [0; LENGTH - SIGNED];
        signature.copy_from_slice(&hash.as_bytes()[..LENGTH - SIGNED]);
        signature
    }
}

#[cfg(test)]
mod tests;
