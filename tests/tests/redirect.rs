//! 302 through edge with SIPp as all peers: followed, and passed on.

use anyhow::Result;
use edge_tests::drill::{PATIENCE, caller, refused, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::witness::Crossing;
use edge_tests::{EdgeConfig, Leg, Sipp, Witness, scenario};

/// The PBX sends who calls it to a number of the carrier's.
fn redirects() -> Sipp {
    Sipp::called(Side::Pbx, scenario!("redirects")).key("contact", "sip:+33142685300@elsewhere.example")
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_302_is_followed_by_the_routes_of_who_said_it() -> Result<()> {
    with_edge(EdgeConfig::default().trunk(Side::Pbx, "redirects = \"follow\""), |lab, edge| {
        let witness = Witness::start(lab)?;
        let pbx = redirects().start(lab)?;
        let target = Sipp::called(Side::Carrier, scenario!("answers")).seconds(1);
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(1), target)?.succeed()?;
        pbx.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        let cdr = &cdrs[0];
        assert_eq!((cdr.cause(), cdr.number("/redirects")), ("hangup", Some(1)), "{cdr:?}");
        assert_eq!([cdr.trunk(Leg::A), cdr.trunk(Leg::B)], ["carrier", "carrier"]);
        assert_eq!((cdr.packets(Leg::A), cdr.packets(Leg::B)), (50, 50), "{cdr:?}");
        let account = witness.finish()?;
        let mut arrived =
            account.sip(Side::Carrier).iter().filter(|message| message.crossing == Crossing::Arrival);
        let invite = arrived.find(|message| message.is_request("INVITE")).expect("the target is called");
        let diversion = invite.header("Diversion").expect("it hears where the call was before");
        assert!(diversion.starts_with("<sip:+442071838750@"), "{diversion}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_302_is_passed_on_with_edges_address() -> Result<()> {
    with_edge(EdgeConfig::default().trunk(Side::Pbx, "redirects = \"pass\""), |lab, edge| {
        let witness = Witness::start(lab)?;
        start(lab, refused(Side::Carrier, 302), redirects())?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        assert_eq!((cdrs[0].cause(), cdrs[0].number("/status")), ("redirected", Some(302)), "{:?}", cdrs[0]);
        let account = witness.finish()?;
        let told = account.sip(Side::Carrier).iter().find(|message| message.is_response(302, "INVITE"));
        let contact = told.and_then(|message| message.header("Contact")).expect("a contact");
        assert_eq!(contact, format!("<sip:+33142685300@{}:5060>", Side::Carrier.edge_address()));
        Ok(())
    })
}
