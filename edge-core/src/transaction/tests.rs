//! Every machine's whole table, row by row, against figures 5 to 8 of RFC 3261 and 4 and 5 of RFC 6026.

use std::time::Duration;

use super::client_invite::{self, ClientInvite};
use super::client_non_invite::{self, ClientNonInvite};
use super::server_invite::{self, ServerInvite};
use super::server_non_invite::{self, ServerNonInvite};
use super::step::{Effect, Step, Timer};

mod layer;
mod stream;

const TIMERS: [Timer; 12] = [
    Timer::A,
    Timer::B,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
];

/// Checks that every pair of state and input does what `rows` says, and that pairs without a row do nothing.
fn check<S, I>(states: &[S], inputs: &[I], rows: &[(S, I, S, &[Effect])], step: impl Fn(S, I) -> Step<S>)
where
    S: Copy + PartialEq + std::fmt::Debug,
    I: Copy + PartialEq + std::fmt::Debug,
{
    for state in states {
        for input in inputs {
            let row = rows.iter().find(|(from, on, ..)| from == state && on == input);
            let (next, effects) = row.map_or((*state, &[][..]), |(_, _, next, effects)| (*next, effects));
            let got = step(*state, *input);
            assert_eq!((got.next, got.effects), (next, effects), "{state:?} on {input:?}");
        }
    }
}

#[test]
fn client_invite() {
    use ClientInvite::{Accepted, Calling, Completed, Proceeding, Terminated};
    use Effect::{Deliver, Send, SendAck, Start, StopRetransmitting, TimedOut};
    use client_invite::Input::{Failure, Fired, Provisional, Success, Unreachable};
    let inputs: Vec<_> =
        [Provisional, Success, Failure, Unreachable].into_iter().chain(TIMERS.map(Fired)).collect();
    let accept: &[Effect] = &[StopRetransmitting, Deliver, Start(Timer::M)];
    let complete: &[Effect] = &[StopRetransmitting, SendAck, Deliver, Start(Timer::D)];
    check(
        &[Calling, Proceeding, Accepted, Completed, Terminated],
        &inputs,
        &[
            (Calling, Provisional, Proceeding, &[StopRetransmitting, Deliver]),
            (Calling, Success, Accepted, accept),
            (Calling, Failure, Completed, complete),
            (Calling, Fired(Timer::A), Calling, &[Send, Start(Timer::A)]),
            (Calling, Fired(Timer::B), Terminated, &[TimedOut]),
            (Calling, Unreachable, Terminated, &[TimedOut]),
            (Proceeding, Provisional, Proceeding, &[Deliver]),
            (Proceeding, Success, Accepted, accept),
            (Proceeding, Failure, Completed, complete),
            (Accepted, Success, Accepted, &[Deliver]),
            (Accepted, Fired(Timer::M), Terminated, &[]),
            (Completed, Failure, Completed, &[SendAck]),
            (Completed, Fired(Timer::D), Terminated, &[]),
        ],
        ClientInvite::step,
    );
    assert_eq!(ClientInvite::OPENING, &[Send, Start(Timer::A), Start(Timer::B)]);
}

#[test]
fn client_non_invite() {
    use ClientNonInvite::{Completed, Proceeding, Terminated, Trying};
    use Effect::{Deliver, Send, SlowRetransmitting, Start, StopRetransmitting, TimedOut};
    use client_non_invite::Input::{Final, Fired, Provisional, Unreachable};
    let inputs: Vec<_> = [Provisional, Final, Unreachable].into_iter().chain(TIMERS.map(Fired)).collect();
    let complete: &[Effect] = &[StopRetransmitting, Deliver, Start(Timer::K)];
    check(
        &[Trying, Proceeding, Completed, Terminated],
        &inputs,
        &[
            (Trying, Provisional, Proceeding, &[Deliver, SlowRetransmitting]),
            (Trying, Final, Completed, complete),
            (Trying, Fired(Timer::E), Trying, &[Send, Start(Timer::E)]),
            (Trying, Fired(Timer::F), Terminated, &[TimedOut]),
            (Trying, Unreachable, Terminated, &[TimedOut]),
            (Proceeding, Provisional, Proceeding, &[Deliver, SlowRetransmitting]),
            (Proceeding, Final, Completed, complete),
            (Proceeding, Fired(Timer::E), Proceeding, &[Send, Start(Timer::E)]),
            (Proceeding, Fired(Timer::F), Terminated, &[TimedOut]),
            (Proceeding, Unreachable, Terminated, &[TimedOut]),
            (Completed, Fired(Timer::K), Terminated, &[]),
        ],
        ClientNonInvite::step,
    );
    assert_eq!(ClientNonInvite::OPENING, &[Send, Start(Timer::E), Start(Timer::F)]);
}

#[test]
fn server_invite() {
    use Effect::{Deliver, Send, Start, StopRetransmitting, TimedOut};
    use ServerInvite::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    use server_invite::Input::{Ack, Failure, Fired, Provisional, Request, Success, Unreachable};
    let inputs: Vec<_> = [Request, Ack, Provisional, Success, Failure, Unreachable]
        .into_iter()
        .chain(TIMERS.map(Fired))
        .collect();
    check(
        &[Proceeding, Accepted, Completed, Confirmed, Terminated],
        &inputs,
        &[
            (Proceeding, Request, Proceeding, &[Send]),
            (Proceeding, Provisional, Proceeding, &[Send]),
            (Proceeding, Success, Accepted, &[Send, Start(Timer::L)]),
            (Proceeding, Failure, Completed, &[Send, Start(Timer::G), Start(Timer::H)]),
            (Accepted, Success, Accepted, &[Send]),
            (Accepted, Ack, Accepted, &[Deliver]),
            (Accepted, Fired(Timer::L), Terminated, &[]),
            (Completed, Request, Completed, &[Send]),
            (Completed, Unreachable, Completed, &[Send]),
            (Completed, Ack, Confirmed, &[StopRetransmitting, Start(Timer::I)]),
            (Completed, Fired(Timer::G), Completed, &[Send, Start(Timer::G)]),
            (Completed, Fired(Timer::H), Terminated, &[TimedOut]),
            (Confirmed, Fired(Timer::I), Terminated, &[]),
        ],
        ServerInvite::step,
    );
}

#[test]
fn server_non_invite() {
    use Effect::{Send, Start};
    use ServerNonInvite::{Completed, Proceeding, Terminated, Trying};
    use server_non_invite::Input::{Final, Fired, Provisional, Request};
    let inputs: Vec<_> = [Request, Provisional, Final].into_iter().chain(TIMERS.map(Fired)).collect();
    check(
        &[Trying, Proceeding, Completed, Terminated],
        &inputs,
        &[
            (Trying, Provisional, Proceeding, &[Send]),
            (Trying, Final, Completed, &[Send, Start(Timer::J)]),
            (Proceeding, Request, Proceeding, &[Send]),
            (Proceeding, Provisional, Proceeding, &[Send]),
            (Proceeding, Final, Completed, &[Send, Start(Timer::J)]),
            (Completed, Request, Completed, &[Send]),
            (Completed, Fired(Timer::J), Terminated, &[]),
        ],
        ServerNonInvite::step,
    );
}

/// RFC 3261 table 4 and RFC 6026: each timer over UDP, and over a reliable transport.
#[test]
fn timers() {
    use Timer::{A, B, D, E, F, G, H, I, J, K, L, M};
    let seconds = |seconds: f32| Some(Duration::from_secs_f32(seconds));
    let rows = [
        (A, seconds(0.5), None),
        (B, seconds(32.0), seconds(32.0)),
        (D, seconds(32.0), seconds(0.0)),
        (E, seconds(0.5), None),
        (F, seconds(32.0), seconds(32.0)),
        (G, seconds(0.5), None),
        (H, seconds(32.0), seconds(32.0)),
        (I, seconds(5.0), seconds(0.0)),
        (J, seconds(32.0), seconds(0.0)),
        (K, seconds(5.0), seconds(0.0)),
        (L, seconds(32.0), seconds(32.0)),
        (M, seconds(32.0), seconds(32.0)),
    ];
    assert_eq!(rows.map(|(timer, ..)| timer), TIMERS);
    for (timer, unreliable, reliable) in rows {
        assert_eq!(timer.duration(false), unreliable, "{timer:?} over UDP");
        assert_eq!(timer.duration(true), reliable, "{timer:?} over a stream");
    }
}
