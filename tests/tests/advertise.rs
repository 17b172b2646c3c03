//! A realm behind a 1:1 NAT: the carrier knows edge by an address that edge does not have, and hears of no other.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{Pair, caller, start, with_edge};
use edge_tests::lab::{Lab, PEER_DEVICE, Side};
use edge_tests::sipp::{CALLED_MEDIA_PORT, CALLER_MEDIA_PORT, CALLER_PORT, SIP_PORT};
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// What the NAT calls edge.
const ADVERTISED: &str = "192.0.2.7";
const SECONDS: u32 = 1;
/// Packets of one stream.
const PACKETS: u64 = SECONDS as u64 * 50;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_both_ways_across_a_nat_have_media_both_ways_and_name_no_private_address() -> Result<()> {
    let advertised = format!("advertise = \"{ADVERTISED}\"");
    with_edge(EdgeConfig::default().realm_key(Side::Carrier, &advertised), |lab, edge| {
        translate(lab)?;
        let witness = Witness::start(lab)?;
        let inwards = caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(SECONDS);
        let inwards = inwards.towards((ADVERTISED.parse::<std::net::Ipv4Addr>()?, SIP_PORT));
        let inwards = start(lab, inwards, Sipp::called(Side::Pbx, scenario!("answers")).seconds(SECONDS))?;
        let outwards = caller(Side::Pbx, scenario!("caller-hangs-up")).seconds(SECONDS);
        let outwards = outwards.ports(CALLER_PORT + 10, CALLER_MEDIA_PORT + 100);
        let answers = Sipp::called(Side::Carrier, scenario!("answers")).seconds(SECONDS);
        let answers = answers.ports(SIP_PORT, CALLED_MEDIA_PORT + 100);
        let outwards = start(lab, outwards, answers)?;
        [inwards, outwards].into_iter().try_for_each(Pair::succeed).with_context(|| edge.log())?;
        let relayed = edge.counters()?.relayed();
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        ensure!(account.received() == 4 * PACKETS && relayed == 4 * PACKETS, "{relayed} relayed");
        let own = Side::Carrier.edge_address().to_string();
        for side in Side::BOTH {
            for message in account.sip(side) {
                let about = |address: &str| words(&message.text).any(|word| word == address);
                ensure!(!about(&own), "{side:?} reads the private address: {}", message.text);
                let told = about(ADVERTISED);
                ensure!(told || side == Side::Pbx || is_reply(&message.text), "{}", message.text);
                ensure!(
                    !told || side == Side::Carrier,
                    "{side:?} reads the public address: {}",
                    message.text
                );
            }
        }
        let described = |side| {
            let described = account.sip(side).iter().filter(|message| {
                message.from.ip() == own_address(side) && message.text.contains("\r\nm=audio ")
            });
            described.count()
        };
        ensure!(Side::BOTH.map(described) == [2, 2], "an offer and an answer on each side");
        Ok(())
    })
}

/// Lets the carrier's host put the public address for the private one in each packet that comes from edge, and the other way
/// round in each packet to it: what the NAT of a cloud does, without a state and without changing a port.
fn translate(lab: &Lab) -> Result<()> {
    let (carrier, own) = (lab.peer(Side::Carrier), Side::Carrier.edge_address());
    carrier.ip(&["route", "add", ADVERTISED, "via", &own.to_string(), "dev", PEER_DEVICE])?;
    let rules = format!(
        "add table ip cloud; \
         add chain ip cloud out {{ type filter hook output priority raw; }}; \
         add chain ip cloud in {{ type filter hook prerouting priority raw; }}; \
         add rule ip cloud out ip daddr {ADVERTISED} ip daddr set {own}; \
         add rule ip cloud in ip saddr {own} ip saddr set {ADVERTISED}"
    );
    carrier.command("nft", &[&rules]).map(drop)
}

fn own_address(side: Side) -> std::net::IpAddr {
    side.edge_address().into()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|other: char| !(other.is_ascii_digit() || other == '.'))
}

/// Whether a message says nothing of us by right: a response to the carrier has the carrier's addresses, but for its Contact.
fn is_reply(text: &str) -> bool {
    text.starts_with("SIP/2.0 ")
}
