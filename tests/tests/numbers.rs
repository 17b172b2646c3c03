//! Numbers, identities, diversions and header rules between two trunks, with SIPp on both sides: what each peer reads on the
//! wire.

use anyhow::{Context, Result};
use edge_tests::drill::{PATIENCE, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::witness::{Account, Crossing, SipSighting};
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// A call of `side`, who says that it is `caller`, to `number`, with these headers.
fn says(side: Side, caller: &str, number: &str, headers: &[&str]) -> Sipp {
    let caller = Sipp::caller(side, scenario!("caller-says-more")).key("caller", caller).number(number);
    caller.key("headers", &headers.join("\n"))
}

/// Plays one call and gives what the witness saw, and the number in the record as it was sent.
fn play(config: EdgeConfig, caller: Sipp, called: Side) -> Result<(Account, String)> {
    let mut seen = None;
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        start(lab, caller, Sipp::called(called, scenario!("answers")))?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        seen = Some((witness.finish()?, cdrs[0].text("/number_sent").to_owned()));
        Ok(())
    })?;
    seen.context("a call")
}

fn invite(account: &Account, side: Side) -> Result<&SipSighting> {
    let mut arrived = account.sip(side).iter().filter(|message| message.crossing == Crossing::Arrival);
    arrived.find(|message| message.is_request("INVITE")).context("an INVITE")
}

const BRITISH: &str = "country = \"44\", national_prefix = \"0\", international_prefix = \"00\"";

#[test]
#[ignore = "needs root: cargo xtask test"]
fn each_trunk_reads_numbers_in_its_own_form() -> Result<()> {
    let plans = EdgeConfig::default()
        .trunk(Side::Pbx, &format!("numbers = {{ {BRITISH}, in = {{ technical_prefix = \"9\" }} }}"))
        .trunk(
            Side::Carrier,
            "numbers = { out = { format = \"plain\", technical_prefix = \"77#\", user_phone = true } }",
        );
    let (account, sent) =
        play(plans, says(Side::Pbx, "02079460000", "90033142685300", &["Subject: none"]), Side::Carrier)?;
    let invite = invite(&account, Side::Carrier)?;
    let host = Side::Carrier.peer_address();
    assert!(
        invite.text.starts_with(&format!("INVITE sip:77%2333142685300@{host}:5060;user=phone SIP/2.0\r\n"))
            || invite.text.starts_with(&format!("INVITE sip:77%2333142685300@{host};user=phone SIP/2.0\r\n")),
        "{}",
        invite.text
    );
    let from = invite.header("From").unwrap_or_default();
    assert!(from.starts_with("<sip:77%23442079460000@"), "{from}");
    assert_eq!(sent, "77#33142685300");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_withheld_caller_is_known_to_the_trunk_that_keeps_it_secret_alone() -> Result<()> {
    for (withheld, identity) in [("pass", Some("<sip:+33142685300@")), ("hide", None)] {
        let config = EdgeConfig::default().trunk(Side::Carrier, "trust_identity = true").trunk(
            Side::Pbx,
            &format!("identity = \"pai\"\nwithheld = \"{withheld}\"\ndiversion = \"history-info\""),
        );
        let headers = [
            "P-Asserted-Identity: <sip:+33142685300@carrier.example>",
            "Privacy: id",
            "Diversion: <sip:+442079460001@carrier.example>;reason=no-answer;counter=1",
        ];
        let caller = says(Side::Carrier, "+33142685300", "+442071838750", &headers);
        let (account, _) = play(config, caller, Side::Pbx)?;
        let invite = invite(&account, Side::Pbx)?;
        let from = invite.header("From").unwrap_or_default();
        assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{from}");
        assert_eq!(invite.header("Privacy"), Some("id"));
        let told = invite.header("P-Asserted-Identity");
        assert_eq!(told.is_some(), identity.is_some(), "{}", invite.text);
        assert!(told.unwrap_or_default().starts_with(identity.unwrap_or_default()), "{told:?}");
        let history = invite.header("History-Info").unwrap_or_default();
        assert!(history.starts_with("<sip:+442079460001@") && history.ends_with(";index=1"), "{history}");
        assert!(
            !invite.text.contains("carrier.example") && !invite.text.contains("Diversion:"),
            "{}",
            invite.text
        );
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn headers_cross_as_the_rules_of_their_trunks_say() -> Result<()> {
    let config = EdgeConfig::default()
        .trunk(Side::Pbx, "headers = { in = [{ replace = \"X-Account\", match = \"^0+\", with = \"\" }], pass = [\"X-*\"] }")
        .trunk(Side::Carrier, "headers = { out = [{ remove = \"X-Secret\" }, { add = \"X-Call: {caller} by {trunk}\" }] }");
    let headers = ["X-Account: 0042", "X-Secret: 1", "Subject: not for the carrier"];
    let caller = says(Side::Pbx, "+442079460000", "+33142685300", &headers);
    let (account, _) = play(config, caller, Side::Carrier)?;
    let invite = invite(&account, Side::Carrier)?;
    assert_eq!(invite.header("X-Account"), Some("42"), "{}", invite.text);
    assert_eq!(invite.header("X-Call"), Some("+442079460000 by carrier"));
    assert!(invite.header("X-Secret").is_none() && invite.header("Subject").is_none(), "{}", invite.text);
    Ok(())
}
