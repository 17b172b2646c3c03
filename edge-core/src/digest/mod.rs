//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): one side proves that it knows a password, without saying it.
//!
//! [`Challenge`] and [`Authorization`] are the two headers, over the bytes that they were read from; [`Proof`] is the arithmetic
//! that both sides do. [`Nonces`] is a client: it remembers what it was challenged with, so that the next request proves itself
//! unasked. A server remembers no challenge: [`NonceKey`] knows its own nonces again, and
//! [`NonceCounts`] which proofs it has seen.
//!
//! Invariants:
//! - What RFC 7616 calls `unq(X)` is the text between the quotes as it is written: it is hashed and repeated with its escapes.
//! - A value that could end its quotes, or holds a control character, is no value: what is written here is read as it was meant.
//! - Passwords and what is as good as one are overwritten when they are dropped, and never printed. Proofs are compared in a time
//!   that says nothing.
//! - Hostile input never panics, costs time linear in its length, and no memory before it is believed.

mod algorithm;
mod authorization;
mod challenge;
mod counts;
mod issued;
mod login;
mod nonces;
mod proof;
mod secret;
mod wire;

pub use algorithm::{Algorithm, Algorithms, Hash, HexDigest};
pub use authorization::Authorization;
pub use challenge::{Challenge, Qop};
pub use counts::{NonceCounts, Replayed};
pub use issued::{Issued, Nonce, NonceKey};
pub use login::Login;
pub use nonces::{Nonces, Unanswered};
pub use proof::{Proof, Protection};
pub use secret::Secret;

#[cfg(test)]
mod tests;
