//! Media that edge must not relay, and traffic that is none of its business.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::thread;

use anyhow::{Result, anyhow};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, PEER_DEVICE, Side};
use edge_tests::{EdgeConfig, Leg, Sipp, Witness, scenario};

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_from_another_port_is_dropped_and_counted() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(2);
        // The SDP names 7500; SIPp sends from 7000.
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).key("media_port", "7500").seconds(2);
        start(lab, caller, called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(edge.counters()?.dropped("unexpected_source"), 100);
        edge.stop()?;
        assert_eq!(cdrs[0].dropped(Leg::A, "unexpected_source"), 100, "{cdrs:?}");
        assert_eq!(cdrs[0].packets(Leg::A), 0);
        assert_eq!(cdrs[0].packets(Leg::B), 100);
        let account = witness.finish()?;
        assert_eq!(
            account.streams_from(Side::Carrier).map(|stream| stream.received).collect::<Vec<_>>(),
            [0]
        );
        assert_eq!(account.streams_from(Side::Pbx).map(|stream| stream.received).collect::<Vec<_>>(), [100]);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn generic_mode_relays_too_and_says_so() -> Result<()> {
    with_edge(EdgeConfig::default().mode("generic"), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(2);
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(2), called)?.succeed()?;
        assert_eq!(edge.counters()?.relayed(), 200);
        assert!(edge.log().contains("mode=generic"), "{}", edge.log());
        edge.stop()?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.received(), 200);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn traffic_of_the_host_passes() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        for side in Side::BOTH {
            let peer = lab.peer(side);
            // Without its entry the peer must ask by ARP first.
            peer.ip(&["neighbour", "flush", "dev", PEER_DEVICE])?;
            peer.command("ping", &["-c", "3", "-i", "0.2", "-W", "2", &side.edge_address().to_string()])?;
            large_transfer(lab, side)?;
        }
        assert!(edge.counters()?.pass.values().sum::<u64>() > 0, "XDP has seen it");
        edge.stop()
    })
}

/// A megabyte to edge's host and back over TCP.
fn large_transfer(lab: &Lab, side: Side) -> Result<()> {
    let address = SocketAddrV4::new(side.edge_address(), 8022);
    let listener = lab.edge().run(|| TcpListener::bind(address))??;
    let echo = thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut received = vec![0; 1 << 20];
        stream.read_exact(&mut received)?;
        Ok(stream.write_all(&received)?)
    });
    let sent: Vec<u8> = (0..1 << 20).map(|index: u32| index.to_le_bytes()[0]).collect();
    let mut stream = lab.peer(side).run(|| TcpStream::connect_timeout(&address.into(), PATIENCE))??;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&sent)?;
    let mut returned = vec![0; sent.len()];
    stream.read_exact(&mut returned)?;
    assert!(sent == returned, "the bytes come back as they went");
    echo.join().map_err(|_panic| anyhow!("the echo panicked"))?
}
