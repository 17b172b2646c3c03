//! What the machine of a shard has its host do.

use std::net::IpAddr;

use bytes::Bytes;

use crate::call::{CallKey, CallRecord, Side};
use crate::media::{Digit, MediaPlan, Tone};
use crate::policy::RealmId;
use crate::transaction::Path;

/// Something that the host has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Send a message.
    Send {
        /// Out of which socket, to whom.
        path: Path,
        /// The message.
        bytes: Bytes,
    },
    /// Relay media for a call, in the place of all that is relayed for it already; answer with [`Input::MediaInstalled`](super::Input::MediaInstalled) or [`Input::MediaRefused`](super::Input::MediaRefused).
    InstallMedia {
        /// The call.
        call: CallKey,
        /// What to relay.
        plan: MediaPlan,
    },
    /// Change what is relayed for a call; answer with [`Input::MediaAccepted`](super::Input::MediaAccepted) or [`Input::MediaRefused`](super::Input::MediaRefused). Changes and
    /// checks of a call are answered in their order.
    UpdateMedia {
        /// The call.
        call: CallKey,
        /// What to relay from now on.
        plan: MediaPlan,
    },
    /// Find out whether a plan could be relayed, and change nothing; answered as [`Command::UpdateMedia`] is.
    CheckMedia {
        /// The call.
        call: CallKey,
        /// What would be relayed.
        plan: MediaPlan,
    },
    /// Play a tone to a side of a call, at a media address that is installed, in the place of what is played to it already.
    PlayTone {
        /// The call.
        call: CallKey,
        /// The tone.
        tone: Tone,
    },
    /// Play no more for a call, if anything is played.
    StopTone {
        /// The call.
        call: CallKey,
    },
    /// Let packets of one side's speech leave as telephone-events of a digit, by what its endpoint's `digits_as` says; answer
    /// with [`Input::DigitSent`](super::Input::DigitSent). There is no answer while that side sends none. One of each side at a time: a later one takes
    /// the place of the one before.
    SendDigit {
        /// The call.
        call: CallKey,
        /// Whose speech it rides on.
        from: Side,
        /// Which.
        digit: Digit,
    },
    /// Forget a digit that has not been sent.
    WithdrawDigit {
        /// The call.
        call: CallKey,
        /// Whose speech it was to ride on.
        from: Side,
    },
    /// Say when the sides of a call were heard last, by [`Input::MediaHeard`](super::Input::MediaHeard); there is no answer when no media of it is relayed.
    ListenTo {
        /// The call.
        call: CallKey,
    },
    /// Relay no more for a call; answer with [`Input::MediaRemoved`](super::Input::MediaRemoved).
    RemoveMedia {
        /// The call.
        call: CallKey,
    },
    /// Keep the record of a call.
    WriteRecord(Box<CallRecord>),
    /// Keep what another process needs to go on with a call, in the place of what was kept of it before.
    Journal {
        /// The call.
        call: CallKey,
        /// What [`Journaled::parse`](crate::call::Journaled::parse) reads.
        entry: Bytes,
    },
    /// Keep nothing more for another process, once the record that was given before is kept.
    Forget {
        /// The call.
        call: CallKey,
    },
    /// Take note of how somebody has behaved who is no trunk by its address.
    Judge {
        /// Who.
        source: IpAddr,
        /// What it did.
        conduct: Conduct,
    },
    /// After [`Input::DrainRequested`](super::Input::DrainRequested): no call is left.
    Drained,
}

/// What somebody has shown by a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// That it is a trunk, over a connection.
    Proven,
    /// That it is a trunk, and nobody was known to be one at its address in this realm: what it answers from now on has to be heard.
    Arrived(RealmId),
    /// That it is none, after it had heard our challenge at its address: nobody has forged that.
    Refused,
}
