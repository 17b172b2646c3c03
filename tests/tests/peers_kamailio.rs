//! Calls through a record-routing proxy of the carrier's: route sets, changes of transport, forks.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, Pair, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::{Kamailio, Proxy, Transport};
use edge_tests::sipp::{CALLED_MEDIA_PORT, CALLER_MEDIA_PORT, CALLER_PORT, SIP_PORT, Scenario};
use edge_tests::witness::{Account, SipSighting};
use edge_tests::{Cdr, EdgeConfig, Leg, Sipp, Witness, scenario};

/// Packets of one stream in a call of a second.
const PACKETS: u64 = 50;

/// A carrier that is a proxy with agents behind it.
struct Carrier<'lab> {
    lab: &'lab Lab,
    proxy: Kamailio,
    agents: Transport,
}

impl Carrier<'_> {
    /// A call from `from` between two scenarios; those under way at once differ in `number`.
    fn call(&self, from: Side, number: u16, calling: Scenario, called: Scenario) -> Result<Pair> {
        let (ports, media) = (10 * number, 100 * number);
        let caller = caller(from, calling).ports(CALLER_PORT + ports, CALLER_MEDIA_PORT + media);
        let called = Sipp::called(from.other(), called);
        let (caller, called) = match from {
            Side::Carrier => {
                let called = called.ports(SIP_PORT, CALLED_MEDIA_PORT + media);
                (self.agent(caller.towards(self.proxy.address())), called)
            }
            Side::Pbx => (caller, self.agent(called.ports(AGENT_PORT, CALLED_MEDIA_PORT + media))),
        };
        start(self.lab, caller, called)
    }

    fn agent(&self, sipp: Sipp) -> Sipp {
        if self.agents == Transport::Tcp { sipp.over_tcp() } else { sipp }
    }
}

/// Edge with a carrier that is `proxy`; `calls` is how many of them `drill` makes.
fn behind(
    proxy: &Proxy,
    calls: usize,
    drill: impl FnOnce(&Carrier<'_>) -> Result<()>,
) -> Result<(Vec<Cdr>, Account)> {
    let mut outcome = None;
    with_edge(EdgeConfig::default().over(Side::Carrier, proxy.towards_edge), |lab, edge| {
        let carrier = Carrier { lab, proxy: Kamailio::start(lab, proxy)?, agents: proxy.towards_agents };
        let witness = Witness::start(lab)?;
        drill(&carrier).with_context(|| carrier.proxy.log())?;
        let cdrs = wait_for_cdrs(lab, calls, PATIENCE)?;
        let relayed = edge.counters()?.relayed();
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        ensure!(relayed == account.received(), "every packet is relayed in XDP");
        outcome = Some((cdrs, account));
        Ok(())
    })?;
    outcome.context("the drill has not ended")
}

/// Both directions at once, with every request that travels within a dialog, from both ends.
fn every_request(proxy: &Proxy) -> Result<()> {
    let (cdrs, account) = behind(proxy, 4, |carrier| {
        let pairs = Side::BOTH.map(|from| {
            let (calling, called) =
                (scenario!("caller-holds-and-dials"), scenario!("answers-is-held-and-hears-a-digit"));
            carrier.call(from, 0, calling, called)
        });
        pairs.into_iter().try_for_each(|pair| pair?.succeed())?;
        let pairs = Side::BOTH.map(|from| {
            carrier.call(from, 1, scenario!("caller-is-hung-up-on"), scenario!("answers-and-hangs-up"))
        });
        pairs.into_iter().try_for_each(|pair| pair?.succeed())
    })?;
    let ends: Vec<_> = cdrs.iter().map(|cdr| (cdr.cause(), cdr.ended_by())).collect();
    assert_eq!(ends, [("hangup", "a"), ("hangup", "a"), ("hangup", "b"), ("hangup", "b")]);
    assert_eq!(account.received(), 4 * 2 * PACKETS);
    for cdr in &cdrs {
        assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) == PACKETS.cast_signed()), "{cdr:?}");
    }
    // Over TCP the proxy alone judges: it answers 404 to a request without its routes.
    if proxy.towards_edge == Transport::Udp {
        follows_its_route_set(&account, if proxy.towards_agents == Transport::Udp { 1 } else { 2 });
    }
    Ok(())
}

/// What edge sent to the proxy over UDP; what the proxy and its agents say to each other passes the witness too.
fn from_edge(account: &Account) -> impl Iterator<Item = &SipSighting> {
    let edge = Side::Carrier.edge_address();
    account.sip_once(Side::Carrier).filter(move |message| message.from.ip() == edge)
}

/// What edge sent within its dialogs carried as many routes as the proxy had recorded, and went to the proxy.
fn follows_its_route_set(account: &Account, recorded: usize) {
    let within = from_edge(account).filter(|message| {
        let request = !message.start_line().starts_with("SIP/2.0");
        request && message.header("To").is_some_and(|to| to.contains(";tag="))
    });
    let within: Vec<_> = within.collect();
    assert!(within.len() >= 8, "ACKs, BYEs and re-INVITEs are among what is looked at: {within:?}");
    let astray = within.iter().find(|message| message.text.matches("\nRoute: ").count() != recorded);
    assert!(astray.is_none(), "it should have {recorded} routes: {}", astray.map_or("", |m| &m.text));
}

const CARRIER: Proxy = Proxy::of(Side::Carrier);

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_proxy_stays_in_the_way_over_udp() -> Result<()> {
    every_request(&CARRIER)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_proxy_stays_in_the_way_over_tcp() -> Result<()> {
    every_request(&CARRIER.over(Transport::Tcp, Transport::Tcp))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_proxy_with_edge_over_udp_and_agents_over_tcp_records_two_routes() -> Result<()> {
    every_request(&CARRIER.over(Transport::Udp, Transport::Tcp))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_proxy_with_edge_over_tcp_and_agents_over_udp_records_two_routes() -> Result<()> {
    every_request(&CARRIER.over(Transport::Tcp, Transport::Udp))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_proxy_with_edge_over_tls_and_agents_over_udp_records_two_routes() -> Result<()> {
    every_request(&CARRIER.over(Transport::Tls, Transport::Udp))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_is_given_up_through_a_proxy() -> Result<()> {
    for transport in Transport::PLAIN {
        let (cdrs, _) = behind(&CARRIER.over(transport, transport), 2, |carrier| {
            let pairs = Side::BOTH.map(|from| {
                carrier.call(from, 0, scenario!("caller-cancels"), scenario!("rings-until-cancelled"))
            });
            pairs.into_iter().try_for_each(|pair| pair?.succeed())
        })?;
        assert!(cdrs.iter().all(|cdr| (cdr.cause(), cdr.ended_by()) == ("cancelled", "a")), "{cdrs:?}");
    }
    Ok(())
}

/// A proxy that rings at two agents: the first answers, and `second` is what the other one does.
fn forked(second: Scenario) -> Result<Account> {
    let (cdrs, account) = behind(&CARRIER.forks_to(2), 1, |carrier| {
        let other = Sipp::called(Side::Carrier, second).ports(AGENT_PORT + 1, CALLED_MEDIA_PORT + 100);
        let other = other.start(carrier.lab)?;
        carrier.call(Side::Pbx, 0, scenario!("caller-hangs-up"), scenario!("answers"))?.succeed()?;
        other.wait_for_success(PATIENCE).map(drop)
    })?;
    assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "a"));
    assert!(Leg::BOTH.iter().all(|leg| cdrs[0].packets(*leg) == PACKETS.cast_signed()), "{cdrs:?}");
    Ok(account)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_answers_first_has_the_call() -> Result<()> {
    forked(scenario!("rings-until-cancelled")).map(drop)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_second_fork_that_answers_is_acknowledged_and_hung_up() -> Result<()> {
    let account = forked(scenario!("answers-in-spite-of-cancel"))?;
    let count = |method| from_edge(&account).filter(|message| message.is_request(method)).count();
    assert_eq!((count("ACK"), count("BYE")), (2, 2), "each fork gets its own");
    Ok(())
}
