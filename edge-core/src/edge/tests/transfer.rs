//! Transfers and redirections on a network that loses messages, and with peers that die: whatever happens, nothing is left,
//! and each call has its one record.

use super::control::{Control, DESK, Sent, bench, sdp_of};
use super::refer::{Up, by_carrier, by_pbx};
use super::standing::{CARRIER, PBX, answer, header};
use super::*;
use crate::policy::{Redirects, Refer};

const SEEDS: u64 = 400;

/// Peers that answer whatever they hear, as long as they live.
struct Peers {
    seed: u64,
    loss_percent: u64,
    /// Who dies, and after how many messages that he was sent.
    victim: Option<(&'static str, u64)>,
    /// How many of a hundred calls they send elsewhere.
    redirects_percent: u64,
}

impl Peers {
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % 100
    }

    /// Lets peers answer what was sent, and what follows from that, until nothing follows at once.
    fn play(&mut self, bench: &mut Control, mut sent: Sent) {
        while let Some((to, message)) = sent.pop() {
            let to = to.to_string();
            if let Some((_, left)) = self.victim.as_mut().filter(|(victim, _)| *victim == to) {
                if *left == 0 {
                    continue;
                }
                *left -= 1;
            }
            let silent = message.starts_with("SIP/2.0") || message.starts_with("ACK ");
            if silent || self.draw() < self.loss_percent || self.draw() < self.loss_percent {
                continue;
            }
            let sdp = if message.starts_with("INVITE ") { sdp_of(&to) } else { String::new() };
            // Some ring first, some refuse.
            let first = message.starts_with("INVITE ") && !header(&message, "To:").contains("tag=");
            if first && self.draw() < self.redirects_percent {
                sent.extend(self.redirect(bench, &to, &message));
                continue;
            }
            let status = match (header(&message, "To:").contains("tag="), self.draw()) {
                (false, 0..20) => "486 Busy Here",
                (false, 20..40) => "180 Ringing",
                (true, 0..10) if message.starts_with("INVITE ") => "491 Request Pending",
                (true, 10..15) if message.starts_with("INVITE ") => "488 Not Acceptable Here",
                _ => "200 OK",
            };
            let sdp = if status == "200 OK" { sdp } else { String::new() };
            sent.extend(bench.receive(&to, &answer(&message, status, "d", &to, &sdp)));
        }
    }

    /// One who may have said that it rings, with its media or without, sends the call elsewhere.
    fn redirect(&mut self, bench: &mut Control, to: &str, invite: &str) -> Sent {
        let mut sent = match self.draw() {
            0..10 => bench.receive(to, &answer(invite, "183 Session Progress", "d", to, &sdp_of(to))),
            10..50 => bench.receive(to, &answer(invite, "180 Ringing", "d", to, "")),
            _ => Sent::new(),
        };
        let contacts = match self.draw() {
            0..40 => "<sip:7001@a>, <sip:+15550099@a>;q=0.5".to_owned(),
            40..70 => format!("<sip:75{}@{to}>", self.draw()),
            _ => "<tel:+15550077>".to_owned(),
        };
        let moved = answer(invite, "302 Moved Temporarily", "d", to, "");
        sent.extend(bench.receive(to, &moved.replace(&format!("<sip:{to}>"), &contacts)));
        sent
    }

    /// Lets time go by, and peers answer.
    fn pass(&mut self, bench: &mut Control, seconds: u64) {
        for _ in 0..seconds {
            let sent = bench.wait(1);
            self.play(bench, sent);
        }
    }
}

fn transfer(seed: u64, loss_percent: u64, victim: Option<(&'static str, u64)>, attended: bool) {
    let first = Up::new(Refer::Consume);
    let (invite, ok) = (first.invite, first.ok);
    let mut bench = first.bench;
    let mut target = "sip:7001@a".to_owned();
    if attended {
        let second = Up::call(bench, 2);
        let part = |name| header(&second.invite, name).replace('@', "%40");
        let tag = header(&second.invite, "From:").split(";tag=").nth(1).unwrap().to_owned();
        target = format!("sip:1@a?Replaces={}%3Bto-tag%3D{tag}%3Bfrom-tag%3Db", part("Call-ID:"));
        bench = second.bench;
    }
    let mut peers = Peers { seed, loss_percent, victim, redirects_percent: seed % 3 * 15 };
    let refer = by_pbx(&invite, "REFER", 7, &format!("Refer-To: <{target}>\r\n"));
    let sent = bench.receive(PBX, &refer);
    peers.play(&mut bench, sent);
    peers.pass(&mut bench, seed % 40);
    if seed.is_multiple_of(3) {
        let bye = by_pbx(&invite, "BYE", 8, "");
        let sent = bench.receive(PBX, &bye);
        peers.play(&mut bench, sent);
    }
    peers.pass(&mut bench, seed % 20);
    let bye = by_carrier(&ok, "BYE", 2, "");
    let sent = bench.receive(CARRIER, &bye);
    peers.play(&mut bench, sent);
    peers.pass(&mut bench, 40);
    let records = bench.settle().len();
    assert_eq!(records, if attended { 3 } else { 2 }, "seed {seed}");
}

#[test]
fn on_a_bad_network_nothing_is_left_of_a_transfer() {
    for seed in 0..SEEDS {
        transfer(seed, (seed % 4) * 10, None, seed.is_multiple_of(5));
    }
}

#[test]
fn whoever_dies_and_whenever_nothing_is_left_of_a_transfer() {
    for seed in 0..SEEDS {
        let victim = [CARRIER, PBX, DESK][usize::try_from(seed % 3).unwrap()];
        transfer(seed, (seed % 2) * 15, Some((victim, seed / 3 % 8)), seed.is_multiple_of(5));
    }
}

/// A call that is sent from place to place until someone takes it, or its caller gives up; says how often.
fn redirection(seed: u64, loss_percent: u64, victim: Option<(&'static str, u64)>) -> u32 {
    let mut bench = bench(|trunks| {
        for trunk in trunks {
            trunk.redirects = Redirects::Follow;
        }
    });
    let mut peers = Peers { seed, loss_percent, victim, redirects_percent: 60 };
    let call = if seed.is_multiple_of(4) { invite(1).replace(SDP, "") } else { invite(1) };
    let call = call.replace("Max-F", if seed % 4 == 1 { "Supported: 100rel\r\nMax-F" } else { "Max-F" });
    let call = if seed.is_multiple_of(4) {
        call.replace("Content-Type: application/sdp\r\n", "")
            .replace(&format!("{}\r\n\r\n", SDP.len()), "0\r\n\r\n")
    } else {
        call
    };
    let sent = bench.receive(CARRIER, &call);
    peers.play(&mut bench, sent);
    peers.pass(&mut bench, seed % 50);
    if seed.is_multiple_of(2) {
        let cancel = request("CANCEL", "sip:+442071838750@192.0.2.1", 1, "", "");
        let sent = bench.receive(CARRIER, &cancel);
        peers.play(&mut bench, sent);
    }
    peers.pass(&mut bench, 20);
    let [record] = bench.settle() else { panic!("seed {seed}: one record") };
    u32::from(record.redirects)
}

#[test]
fn on_a_bad_network_nothing_is_left_of_a_redirection() {
    let redirects: u32 = (0..SEEDS).map(|seed| redirection(seed, (seed % 4) * 10, None)).sum();
    assert!(u64::from(redirects) > SEEDS / 4, "calls go elsewhere: {redirects}");
}

#[test]
fn whoever_dies_and_whenever_nothing_is_left_of_a_redirection() {
    for seed in 0..SEEDS {
        let victim = [CARRIER, PBX, DESK][usize::try_from(seed % 3).unwrap()];
        redirection(seed, (seed % 2) * 15, Some((victim, seed / 3 % 6)));
    }
}
