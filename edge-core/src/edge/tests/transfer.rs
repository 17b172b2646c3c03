//! Transfers on a network that loses messages, and with peers that die: whatever happens, nothing is left, and each call
//! has its one record.

use super::control::{Control, DESK, Sent, sdp_of};
use super::refer::{Up, by_carrier, by_pbx};
use super::standing::{CARRIER, PBX, answer, header};
use crate::policy::Refer;

const SEEDS: u64 = 400;

/// Peers that answer whatever they hear, as long as they live.
struct Peers {
    seed: u64,
    loss_percent: u64,
    /// Who dies, and after how many messages that he was sent.
    victim: Option<(&'static str, u64)>,
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
    let mut peers = Peers { seed, loss_percent, victim };
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
