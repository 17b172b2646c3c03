//! Which format of one leg is which of the other, when an offer has crossed and is answered.
//!
//! Each leg keeps its own payload type numbers: the leg that offered hears an answer in the numbers of its offer, whatever
//! numbers the other leg answered with, and the datapath puts one for the other. A leg that answers with numbers of its own
//! should still send by those of the offer (RFC 3264 section 6.1); many do not, so both are taken where that is not
//! ambiguous. Encrypted packets cannot be renumbered, so there both legs keep the answer's numbers.
//!
//! Invariant: a payload type that a leg sends stands for one format of the other leg.

use super::format::{MediaFormat, select};
use crate::media::{Handling, Payload};

/// A format that both legs have agreed on.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    /// As the leg that offered hears it: its own number, with the parameters of the answer.
    pub(super) near: MediaFormat,
    /// Number by which the leg that answered was offered it.
    pub(super) told: u8,
    /// As the leg that answered described it.
    pub(super) far: MediaFormat,
    /// What becomes of it on its way to the leg that answered.
    pub(super) handling: Handling,
    /// Whether each leg has numbers of its own.
    renumbers: bool,
}

impl Pair {
    /// What becomes of it on its way back.
    const fn handling_back(&self) -> Handling {
        match self.handling {
            Handling::AlawToUlaw => Handling::UlawToAlaw,
            Handling::UlawToAlaw => Handling::AlawToUlaw,
            Handling::Plain | Handling::Event => self.handling,
        }
    }

    /// Whether the legs have different codecs here.
    pub(super) const fn is_converted(&self) -> bool {
        self.handling.converts()
    }

    const fn keeps_its_number(&self) -> bool {
        self.near.payload_type == self.far.payload_type && self.near.payload_type == self.told
    }
}

/// The formats of an answer, in its order: those that were `told`, with what they were in the offer. `renumbers` says
/// whether each leg may have numbers of its own.
pub(super) fn pair(
    first: &[MediaFormat],
    told: &[MediaFormat],
    answer: &[MediaFormat],
    renumbers: bool,
) -> Vec<Pair> {
    let offered = |format: &MediaFormat| told.iter().any(|other| other.same_encoding(format));
    let answered = select(answer, offered);
    let mut pairs: Vec<Pair> = Vec::with_capacity(answered.len());
    for far in &answered {
        let free = |number: u8| pairs.iter().all(|pair| pair.told != number);
        let Some(told) = counterpart(far, told, &answered, free) else { continue };
        let Some((near, handling)) = origin(told, first) else { continue };
        let number = if renumbers { near.payload_type } else { far.payload_type };
        let near = heard(near, far, number, handling);
        pairs.push(Pair { near, told: told.payload_type, far: far.clone(), handling, renumbers });
    }
    without_stale_copies(pairs)
}

/// The format that `format` means: of its number, if that has its encoding, else one of its encoding that is `free` and that
/// none of `others` means by its number.
fn counterpart<'a>(
    format: &MediaFormat,
    candidates: &'a [MediaFormat],
    others: &[MediaFormat],
    free: impl Fn(u8) -> bool,
) -> Option<&'a MediaFormat> {
    let exactly = |one: &MediaFormat, other: &MediaFormat| {
        one.payload_type == other.payload_type && one.same_encoding(other)
    };
    let exact = candidates.iter().find(|candidate| exactly(candidate, format));
    exact.or_else(|| {
        candidates.iter().find(|candidate| {
            candidate.same_encoding(format)
                && free(candidate.payload_type)
                && !others.iter().any(|other| exactly(candidate, other))
        })
    })
}

/// What a format that was told was in the offer: itself, or the other law of G.711.
fn origin<'a>(told: &MediaFormat, first: &'a [MediaFormat]) -> Option<(&'a MediaFormat, Handling)> {
    let itself = counterpart(told, first, &[], |_| true);
    let events = if told.is("telephone-event") { Handling::Event } else { Handling::Plain };
    itself.map(|near| (near, events)).or_else(|| {
        let near = first.iter().find(|format| told.is_other_law_of(format))?;
        Some((near, if near.is("PCMA") { Handling::AlawToUlaw } else { Handling::UlawToAlaw }))
    })
}

/// A format of the offer as its leg hears it answered.
fn heard(near: &MediaFormat, far: &MediaFormat, number: u8, handling: Handling) -> MediaFormat {
    match handling {
        Handling::AlawToUlaw | Handling::UlawToAlaw => MediaFormat { fmtp: Vec::new(), ..near.clone() },
        Handling::Plain | Handling::Event => {
            let mapped = if number == far.payload_type { far.mapped } else { near.mapped };
            MediaFormat { payload_type: number, mapped, ..far.clone() }
        }
    }
}

/// Copies of other formats name these by number inside of their packets, where nobody renumbers them.
fn without_stale_copies(mut pairs: Vec<Pair>) -> Vec<Pair> {
    let kept: Vec<u8> = pairs.iter().filter(|pair| pair.keeps_its_number()).map(|pair| pair.told).collect();
    let renumbered = pairs.iter().any(|pair| !pair.keeps_its_number());
    pairs.retain(|pair| !renumbered || pair.far.carried().iter().all(|number| kept.contains(number)));
    pairs
}

/// What the leg that offered may send.
pub(super) fn payloads_there(pairs: &[Pair]) -> Vec<Payload> {
    let payload = |pair: &Pair| Payload {
        arrives_as: pair.near.payload_type,
        leaves_as: pair.far.payload_type,
        handling: pair.handling,
        carries_digits: false,
    };
    plain_first(pairs.iter().map(payload).collect())
}

/// What the leg that answered may send: by the numbers of the offer, and then by its own.
pub(super) fn payloads_back(pairs: &[Pair]) -> Vec<Payload> {
    let numbered = |arrives_as: fn(&Pair) -> u8| {
        let payload = move |pair: &Pair| Payload {
            arrives_as: arrives_as(pair),
            leaves_as: if pair.renumbers { pair.near.payload_type } else { arrives_as(pair) },
            handling: pair.handling_back(),
            carries_digits: false,
        };
        plain_first(pairs.iter().map(payload).collect())
    };
    let mut payloads = numbered(|pair| pair.told);
    payloads.extend(numbered(|pair| pair.far.payload_type));
    payloads
}

/// Of two meanings of a payload type the first is taken: rather the one without a conversion.
fn plain_first(mut payloads: Vec<Payload>) -> Vec<Payload> {
    payloads.sort_by_key(|payload| payload.handling.converts());
    payloads
}

#[cfg(test)]
mod tests;
