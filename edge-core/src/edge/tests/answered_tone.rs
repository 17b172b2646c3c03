//! A tone of ours for who is answered already, and is transferred to somebody who rings.

use super::control::{Control, DESK, Sent, bench, only, sdp_of};
use super::refer::{Up, by_carrier, by_pbx};
use super::standing::{CARRIER, PBX, answer};
use super::*;
use crate::media::Law;
use crate::policy::{Refer, ToneCountry, Tones};

const TO_DESK: &str = "Refer-To: <sip:7001@anywhere.example>\r\n";

/// The carrier has the PBX on the line, which refers it to the desk: what the desk got.
fn referred(change: impl FnOnce(&mut [Trunk; 3])) -> (Up, String) {
    let mut up = Up::call(
        bench(|trunks| {
            trunks[1].refer = Refer::Consume;
            trunks[0].media.tones = Tones::Answered;
            trunks[0].media.tone_country = ToneCountry::of_calling_code("44");
            change(trunks);
        }),
        1,
    );
    let refer = by_pbx(&up.invite, "REFER", 7, TO_DESK);
    let sent = up.bench.receive(PBX, &refer);
    let invite = only(&sent, "INVITE ").1.clone();
    (up, invite)
}

fn hang_up(up: &mut Up) -> Sent {
    let bye = by_pbx(&up.invite, "BYE", 8, "");
    up.bench.receive(PBX, &bye)
}

fn say(up: &mut Up, invite: &str, status: &str) -> Sent {
    let sdp = if status.starts_with("180") { String::new() } else { sdp_of(DESK) };
    up.bench.receive(DESK, &answer(invite, status, "d", DESK, &sdp))
}

/// How many tones have begun, and whether one plays now.
fn tones(bench: &Control) -> (usize, bool) {
    let begun = bench.tones.iter().filter(|(_, tone)| tone.is_some()).count();
    (begun, bench.tones.last().is_some_and(|(_, tone)| tone.is_some()))
}

#[test]
fn who_is_transferred_hears_the_tone_once_the_target_rings_and_nobody_else_is_there() {
    let (mut up, invite) = referred(|_| {});
    say(&mut up, &invite, "180 Ringing");
    assert_eq!(tones(&up.bench), (0, false), "who referred may still be heard");
    hang_up(&mut up);
    let [(call, Some(tone))] = up.bench.tones[..] else { panic!("{:?}", up.bench.tones) };
    assert_eq!(
        (tone.local.to_string().as_str(), tone.remote.to_string().as_str()),
        ("192.0.2.1:20000", "192.0.2.10:6000")
    );
    assert_eq!((tone.law, tone.payload_type, tone.country), (Law::A, 8, ToneCountry::named("gb").unwrap()));
    say(&mut up, &invite, "180 Ringing");
    say(&mut up, &invite, "183 Session Progress");
    assert_eq!(tones(&up.bench), (1, true), "early media is not to be heard yet");
    let sent = say(&mut up, &invite, "200 OK");
    assert_eq!(up.bench.tones.last(), Some(&(call, None)));
    let change = only(&sent, "INVITE ").1.clone();
    up.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
    up.bench.receive(CARRIER, &by_carrier(&up.ok, "BYE", 2, ""));
    let records = up.bench.settle();
    assert_eq!(records.iter().map(|record| record.ringback).collect::<Vec<_>>(), [true, false]);
    assert_eq!(up.bench.tones.len(), 2);
}

#[test]
fn it_begins_with_what_the_target_says_when_who_referred_has_gone_before() {
    for status in ["180 Ringing", "183 Session Progress"] {
        let (mut up, invite) = referred(|_| {});
        hang_up(&mut up);
        assert_eq!(tones(&up.bench), (0, false));
        say(&mut up, &invite, status);
        assert_eq!(tones(&up.bench), (1, true), "{status}");
        say(&mut up, &invite, "486 Busy Here");
        assert_eq!(tones(&up.bench), (1, false), "nobody is left");
    }
}

#[test]
fn whoever_hangs_up_ends_it() {
    let (mut up, invite) = referred(|_| {});
    say(&mut up, &invite, "180 Ringing");
    hang_up(&mut up);
    assert_eq!(tones(&up.bench), (1, true));
    let bye = by_carrier(&up.ok, "BYE", 2, "");
    let sent = up.bench.receive(CARRIER, &bye);
    assert!(sent.iter().any(|(to, text)| to.to_string() == DESK && text.starts_with("CANCEL ")), "{sent:?}");
    assert_eq!(tones(&up.bench), (1, false));
}

#[test]
fn nobody_hears_it_whose_trunk_does_not_say_so_or_who_cannot() {
    for change in [
        |trunks: &mut [Trunk; 3]| trunks[0].media.tones = Tones::None,
        |trunks: &mut [Trunk; 3]| trunks[0].media.tones = Tones::EarlyMedia,
        |trunks: &mut [Trunk; 3]| trunks[0].nat = true,
        |trunks: &mut [Trunk; 3]| {
            trunks[0].media.tones = Tones::None;
            trunks[1].media.tones = Tones::Answered;
        },
    ] {
        let (mut up, invite) = referred(change);
        say(&mut up, &invite, "180 Ringing");
        hang_up(&mut up);
        assert_eq!(tones(&up.bench), (0, false));
        up.bench.settle();
    }
}
