//! A client: what one trunk was challenged with, and what its requests say for that (RFC 3261 sections 22.2 and 22.3).
//!
//! A nonce is answered with in later requests unasked, counted, until the server says that it is too old. Several realms may be
//! on the way, each with a challenge of its own.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::sip::{HeaderName, Message, StatusCode};

use super::{Algorithm, Authorization, Challenge, HexDigest, Login, Proof, Protection, Qop};

/// Realms of one trunk that are answered: a registrar, a proxy or two before it, and one to spare. Who names more of them than
/// this collects proofs.
const REALMS_MAX: usize = 4;

/// What one trunk's servers have challenged with.
#[derive(Debug, Default)]
pub struct Nonces {
    held: SmallVec<[Held; 1]>,
}

/// Why a challenge is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It asks for no digest, or in a way that we do not know.
    #[error("it does not ask for a digest that is known here")]
    Unknown,
    /// Only hash functions are offered that the operator does not allow.
    #[error("it wants {offered}, which is not among the algorithms that are allowed")]
    NotAllowed {
        /// The strongest one offered.
        offered: Algorithm,
    },
    /// It asks for the password of another realm than the operator's.
    #[error("it asks in realm {realm:?}, and the credentials are for another one")]
    OtherRealm {
        /// The realm.
        realm: String,
    },
    /// It has seen a proof made with its nonce, and does not take it.
    #[error("user name or password are wrong for realm {realm:?}")]
    Refused {
        /// The realm.
        realm: String,
    },
}

/// One realm's challenge.
#[derive(Debug)]
struct Held {
    /// Header that the answer goes into.
    answer_in: HeaderName,
    realm: Bytes,
    nonce: Bytes,
    opaque: Option<Bytes>,
    algorithm: Option<Algorithm>,
    qop: Qop,
    key: HexDigest,
    /// Requests that have answered it.
    used: u32,
    /// Ours. A session's key is made of the first one (RFC 7616 section 3.4.2), so it stays.
    cnonce: [u8; 16],
}

impl Nonces {
    /// Takes the challenges of a 401 or 407 to `request`; afterwards [`Self::answer`] answers them. `fresh` says that the
    /// request was itself the answer to a challenge. `random` makes a nonce of ours.
    ///
    /// # Errors
    /// [`Unanswered`] when sending the request again would be pointless.
    pub fn take(
        &mut self,
        login: &Login,
        (request, fresh): (&Message, bool),
        (code, response): (StatusCode, &Message),
        mut random: impl FnMut() -> u64,
    ) -> Result<(), Unanswered> {
        let (asked_in, answer_in) = if code == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization)
        } else {
            (HeaderName::WwwAuthenticate, HeaderName::Authorization)
        };
        let chosen = choose(login, Challenge::all(response, asked_in))?;
        for challenge in &chosen {
            if !challenge.stale && fresh && carries(request, answer_in, challenge.realm) {
                self.held.retain(|held| held.realm != challenge.realm);
                let realm = String::from_utf8_lossy(challenge.realm).into_owned();
                return Err(Unanswered::Refused { realm });
            }
        }
        for challenge in chosen {
            self.hold(login, answer_in, &challenge, random());
        }
        Ok(())
    }

    /// What a request says for the challenges so far: headers and their values.
    pub fn answer(
        &mut self,
        login: &Login,
        (method, uri): (&[u8], &[u8]),
        body: &[u8],
    ) -> SmallVec<[(HeaderName, Vec<u8>); 1]> {
        // Who counts that far has had the nonce for years; a new challenge comes.
        self.held.retain(|held| held.used < u32::MAX);
        self.held.iter_mut().map(|held| (held.answer_in, held.value(login, (method, uri), body))).collect()
    }

    /// About how much longer a request becomes by what it says.
    #[must_use]
    pub fn length(&self) -> usize {
        // Names, user name, proof, counts and quotes take up to 300; the URI and what is repeated come on top.
        self.held.iter().map(|held| 360 + held.nonce.len() + held.realm.len()).sum()
    }

    /// Whether nothing has been asked for yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn hold(&mut self, login: &Login, answer_in: HeaderName, challenge: &Challenge<'_>, random: u64) {
        let owned = Bytes::copy_from_slice;
        let same = |held: &Held| held.answer_in == answer_in && held.realm == challenge.realm;
        // Several requests that were under way may have been challenged with the same nonce.
        if self.held.iter().any(|held| same(held) && held.nonce == challenge.nonce) {
            return;
        }
        self.held.retain(|held| !same(held));
        if self.held.len() == REALMS_MAX {
            self.held.remove(0);
        }
        let mut cnonce = [0; 16];
        for (at, digit) in cnonce.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[usize::from((random >> (60 - 4 * at)) as u8 & 0xf)];
        }
        self.held.push(Held {
            answer_in,
            realm: owned(challenge.realm),
            nonce: owned(challenge.nonce),
            opaque: challenge.opaque.map(owned),
            algorithm: challenge.algorithm,
            qop: challenge.qop,
            key: Proof::key(challenge.algorithm(), login, challenge.realm),
            used: 0,
            cnonce,
        });
    }
}

impl Held {
    fn value(&mut self, login: &Login, (method, uri): (&[u8], &[u8]), body: &[u8]) -> Vec<u8> {
        self.used += 1;
        let (count, cnonce) = (self.used, self.cnonce.as_slice());
        let protection = match self.qop {
            Qop::None => Protection::None,
            Qop::Auth => Protection::Auth { count, cnonce },
            Qop::AuthInt => Protection::AuthInt { count, cnonce },
        };
        let algorithm = self.algorithm.unwrap_or(Algorithm::DEFAULT);
        let proof = Proof { algorithm, nonce: &self.nonce, protection };
        let response = proof.make(&self.key, (method, uri), body);
        Authorization {
            username: login.username.as_bytes(),
            realm: &self.realm,
            nonce: &self.nonce,
            uri,
            response: response.as_bytes(),
            algorithm: self.algorithm,
            opaque: self.opaque.as_deref(),
            protection,
        }
        .value()
    }
}

/// Of each realm the challenge with the strongest hash that is allowed, the first one of equals.
fn choose<'a>(
    login: &Login,
    challenges: impl Iterator<Item = Challenge<'a>>,
) -> Result<SmallVec<[Challenge<'a>; REALMS_MAX]>, Unanswered> {
    let mut chosen = SmallVec::<[Challenge<'a>; REALMS_MAX]>::new();
    let mut passed_over = Unanswered::Unknown;
    for challenge in challenges {
        let offered = challenge.algorithm();
        if login.realm.as_ref().is_some_and(|realm| realm.as_bytes() != challenge.realm) {
            passed_over =
                Unanswered::OtherRealm { realm: String::from_utf8_lossy(challenge.realm).into_owned() };
        } else if !login.algorithms.allows(offered.hash) {
            passed_over = Unanswered::NotAllowed { offered };
        } else if let Some(same) = chosen.iter_mut().find(|other| other.realm == challenge.realm) {
            if same.algorithm().hash < offered.hash {
                *same = challenge;
            }
        } else if chosen.len() < REALMS_MAX {
            chosen.push(challenge);
        }
    }
    if chosen.is_empty() { Err(passed_over) } else { Ok(chosen) }
}

/// Whether `request` has credentials for `realm`.
fn carries(request: &Message, name: HeaderName, realm: &[u8]) -> bool {
    request.all(name).filter_map(Authorization::parse).any(|said| said.realm == realm)
}
