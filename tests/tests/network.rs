//! Calls over a network that loses, delays, reorders and duplicates: what a record says is what a listener counted.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::network::{BadNetwork, Impairment};
use edge_tests::witness::{Crossing, RtpSighting};
use edge_tests::{Cdr, EdgeConfig, EdgeProcess, Sipp, Witness, scenario};

const CALLS: u32 = 8;
const SECONDS: u32 = 6;
/// Losses with fewer packets between them are of one burst (RFC 3611, Gmin).
const BETWEEN_MIN: u32 = 16;
/// Packets overtake by two at most: they are 20 ms apart.
const IMPAIRMENT: Impairment =
    Impairment { lost: 20_000, bursts: 4_000, burst: 4, twice: 20_000, delay: Duration::from_millis(30) };

/// What the far side counts of a stream, from nothing but what arrived there.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    packets: i64,
    lost: i64,
    duplicated: i64,
    reordered: i64,
    bursts: i64,
}

impl Heard {
    fn of(arrivals: &[&RtpSighting]) -> Result<Self> {
        let first = arrivals.first().context("nothing arrived")?.sequence;
        // How far each is behind the first that arrived; what was sent before that one belongs to no loss.
        let place = |packet: &RtpSighting| i32::from(packet.sequence.wrapping_sub(first) as i16);
        let (mut came, mut highest) = (BTreeSet::new(), i32::MIN);
        let mut heard = Self { packets: i64::try_from(arrivals.len())?, ..Self::default() };
        for packet in arrivals.iter().map(|packet| place(packet)) {
            heard.duplicated += i64::from(came.contains(&packet));
            heard.reordered += i64::from(packet < highest && !came.contains(&packet));
            came.insert(packet);
            highest = highest.max(packet);
        }
        // Packets since the last loss, and losses of the cluster that it belongs to.
        let (mut since, mut cluster) = (BETWEEN_MIN, 0);
        for packet in 0..=highest {
            if came.contains(&packet) {
                since += 1;
                continue;
            }
            cluster = if since < BETWEEN_MIN { cluster + 1 } else { 1 };
            heard.bursts += i64::from(cluster == 2);
            heard.lost += 1;
            since = 0;
        }
        Ok(heard)
    }

    fn recorded(cdr: &Cdr, leg: &str) -> Self {
        let of = |what: &str| cdr.number(&format!("/{leg}/received/{what}")).unwrap_or(-1);
        Self {
            packets: of("packets"),
            lost: of("lost"),
            duplicated: of("duplicated"),
            reordered: of("reordered"),
            bursts: of("bursts"),
        }
    }
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_a_record_says_of_a_bad_network_is_what_arrived_behind_it() -> Result<()> {
    Lab::drill(|lab| {
        let network = BadNetwork::begin(lab, Side::Carrier, IMPAIRMENT)?;
        let edge = EdgeProcess::start(lab, &EdgeConfig::default())?;
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS).seconds(SECONDS);
        let calls = caller(Side::Carrier, scenario!("caller-hangs-up")).calls(CALLS).rate(20.0);
        start(lab, calls.seconds(SECONDS), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        let account = witness.finish()?;
        network.end()?;
        edge.stop()?;
        let mut sum = Heard::default();
        for cdr in &cdrs {
            assert_eq!((cdr.cause(), cdr.ended_by()), ("hangup", "a"), "{cdr:?}");
            // What the PBX heard of this call came from this address of edge; edge has lost nothing of it.
            let local: SocketAddr = cdr.text("/b/media_local").parse()?;
            let arrived =
                |packet: &&RtpSighting| packet.crossing == Crossing::Arrival && packet.from == local;
            let arrivals: Vec<&RtpSighting> = account.rtp(Side::Pbx).iter().filter(arrived).collect();
            let heard = Heard::of(&arrivals)?;
            assert_eq!(Heard::recorded(cdr, "a"), heard, "{cdr:?}");
            // Delays of up to 30 ms make about 10.
            ensure!(cdr.decimal("/a/received/jitter_ms") > Some(3.0), "{cdr:?}");
            let (left, clean) = (Heard::recorded(cdr, "b"), i64::from(SECONDS) * 40);
            ensure!(
                left.packets > clean && left == Heard { packets: left.packets, ..Heard::default() },
                "{cdr:?}"
            );
            sum.lost += heard.lost;
            sum.duplicated += heard.duplicated;
            sum.reordered += heard.reordered;
            sum.bursts += heard.bursts;
        }
        ensure!(
            sum.lost > 20 && sum.duplicated > 10 && sum.reordered > 50 && sum.bursts > 2,
            "too fine: {sum:?}"
        );
        ensure!(account.lost() > 0 && account.unmatched.is_empty() && account.wrong_checksums == 0);
        Ok(())
    })
}
