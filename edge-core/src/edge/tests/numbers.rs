//! Numbers from one trunk's plan to another's, within calls.

use super::control::{bench, only};
use super::standing::{CARRIER, PBX, answer, header};
use super::*;
use crate::policy::{NumberFormat, NumberPlan, NumbersOut, Redirects};

fn british(format: NumberFormat) -> Arc<NumberPlan> {
    Arc::new(NumberPlan {
        country: Some("44".to_owned()),
        national_prefix: Some("0".to_owned()),
        international_prefix: Some("00".to_owned()),
        outbound: NumbersOut { format, user_phone: true, ..NumbersOut::default() },
        ..NumberPlan::default()
    })
}

/// The INVITE that the PBX hears for one of the carrier's.
fn called(change: impl FnOnce(&mut [Trunk; 2]), dialled: &str, from: &str) -> (String, Vec<CallRecord>) {
    let mut bench = Bench::new(|trunks, _| change(trunks));
    let invite =
        invite(1).replace("sip:+442071838750@192.0.2.1", dialled).replace("sip:+15550001@192.0.2.10", from);
    let (sent, records) = bench.receive(CARRIER, &invite);
    let invite = sent.iter().find(|(_, text)| text.starts_with("INVITE "));
    (invite.map(|(_, text)| text.clone()).unwrap_or_default(), records)
}

#[test]
fn routes_match_e164_whatever_a_trunk_writes() {
    for dialled in [
        "sip:02071838750@192.0.2.1",
        "sip:00442071838750@192.0.2.1",
        "sip:+442071838750@192.0.2.1",
        "tel:+44-20-7183-8750",
        "tel:2071838750;phone-context=+44",
        "sip:020-7183-8750@192.0.2.1;user=phone",
    ] {
        let (invite, _) =
            called(|trunks| trunks[0].numbers = british(NumberFormat::E164), dialled, "sip:1@h");
        assert!(invite.starts_with("INVITE sip:02071838750@10.0.0.20 "), "{dialled}: {invite}");
    }
    let (invite, records) = called(|_| {}, "sip:02071838750@192.0.2.1", "sip:1@h");
    assert_eq!((invite.as_str(), records[0].cause.name()), ("", "no_route"));
}

#[test]
fn the_called_trunk_reads_all_numbers_in_its_form() {
    let plain = |trunks: &mut [Trunk; 2]| {
        trunks[0].numbers = british(NumberFormat::E164);
        trunks[1].numbers = british(NumberFormat::International);
    };
    let (invite, _) = called(plain, "sip:02071838750@192.0.2.1", "sip:02079460000@192.0.2.10");
    assert_eq!(
        header(&invite, "From:").split(";tag").next().unwrap(),
        "\"Ann\" <sip:00442079460000@10.0.0.1:5060;user=phone>"
    );
    // The route has made a local number of it.
    assert!(invite.starts_with("INVITE sip:02071838750@10.0.0.20 SIP"), "{invite}");
    let (invite, _) = called(plain, "sip:02071838750@192.0.2.1", "sip:750@192.0.2.10");
    assert!(header(&invite, "From:").starts_with("\"Ann\" <sip:750@10.0.0.1:5060>"), "{invite}");
}

#[test]
fn a_redirect_goes_by_the_plan_of_who_says_it_and_tells_in_that_of_who_hears_it() {
    let mut bench = bench(|trunks| {
        trunks[1].redirects = Redirects::Follow;
        trunks[1].numbers = british(NumberFormat::National);
        trunks[0].numbers = british(NumberFormat::Plain);
    });
    let sent = bench.receive(CARRIER, &invite(1));
    let redirect = answer(&only(&sent, "INVITE ").1, "302 Moved Temporarily", "b", PBX, "");
    let redirect =
        redirect.replace("Contact: <sip:10.0.0.20:5060>", "Contact: <sip:0015550099000@pbx.example>");
    let sent = bench.receive(PBX, &redirect);
    let (to, invite) = only(&sent, "INVITE ");
    assert_eq!(to.to_string(), CARRIER);
    assert!(invite.starts_with("INVITE sip:15550099000@192.0.2.10;user=phone SIP/2.0\r\n"), "{invite}");
    assert!(header(invite, "Diversion:").starts_with("<sip:442071838750@192.0.2.1:5060>"), "{invite}");
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!(record.number_sent.as_deref(), Some("15550099000"));
}
