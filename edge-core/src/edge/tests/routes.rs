//! Proxies that stay in the way of a call: what of theirs is in the requests of its dialogs (RFC 3261 section 12.2.1.1).

use super::standing::{CARRIER, PBX, Standing, answer, pbx_sdp};
use super::*;

/// A proxy in front of the PBX, at an address that is the PBX's.
const OUTER: &str = "10.0.0.20:5090";
const INNER: &str = "10.0.7.7:5060";

/// Request line and Routes of a message.
fn routing(message: &str) -> (&str, Vec<&str>) {
    let line = message.lines().next().unwrap_or_default();
    (line, message.lines().filter_map(|line| line.strip_prefix("Route: ")).collect())
}

/// The ACK that the PBX gets whose 200 has these Record-Routes, with where it went.
fn acknowledged(record_routes: &str) -> (String, String) {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let ok = answer(&sent[1].1, "200 OK", "b", PBX, &pbx_sdp());
    let ok = ok.replacen("\r\nContact:", &format!("\r\n{record_routes}Contact:"), 1);
    let (sent, _) = bench.receive(PBX, &ok);
    let (peer, ack) = sent.into_iter().find(|(_, text)| text.starts_with("ACK ")).unwrap();
    (peer.to_string(), ack)
}

#[test]
fn loose_routers_are_routes_in_the_order_of_the_way() {
    let (peer, ack) = acknowledged(&format!(
        "Record-Route: <sip:{INNER};lr>\r\nRecord-Route: <sip:{OUTER};transport=udp;lr=on>\r\n"
    ));
    assert_eq!(peer, OUTER);
    let routes = vec!["<sip:10.0.0.20:5090;transport=udp;lr=on>", "<sip:10.0.7.7:5060;lr>"];
    assert_eq!(routing(&ack), ("ACK sip:10.0.0.20:5060 SIP/2.0", routes));
}

#[test]
fn routes_of_one_header_are_as_those_of_several() {
    let (peer, ack) = acknowledged(&format!("Record-Route: <sip:{INNER};lr>, <sip:{OUTER};LR>\r\n"));
    assert_eq!(peer, OUTER);
    assert_eq!(routing(&ack).1, ["<sip:10.0.0.20:5090;LR>", "<sip:10.0.7.7:5060;lr>"]);
}

#[test]
fn a_strict_router_is_the_request_uri_and_the_target_the_last_route() {
    let (peer, ack) =
        acknowledged(&format!("Record-Route: <sip:{INNER};lr>\r\nRecord-Route: <sip:{OUTER}>\r\n"));
    assert_eq!(peer, OUTER);
    let routes = vec!["<sip:10.0.7.7:5060;lr>", "<sip:10.0.0.20:5060>"];
    assert_eq!(routing(&ack), ("ACK sip:10.0.0.20:5090 SIP/2.0", routes));
}

#[test]
fn a_caller_behind_proxies_hears_their_record_routes_and_gets_its_requests_through_them() {
    let mut bench = Bench::new(|_, _| {});
    let routes = "Record-Route: <sip:192.0.2.10:5090;lr>\r\nRecord-Route: <sip:192.0.2.77;lr>\r\n";
    let offer = invite(1).replacen("Max-Forwards", &format!("{routes}Max-Forwards"), 1);
    let invite = bench.receive(CARRIER, &offer).0[1].1.clone();
    let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    let recorded: Vec<&str> = ok.lines().filter(|line| line.starts_with("Record-Route: ")).collect();
    assert_eq!(recorded, routes.lines().collect::<Vec<_>>());
    let mut call = Standing { bench, invite, ok }.acknowledged();
    let (sent, _) = call.bench.receive(PBX, &call.by_pbx("BYE", 1, ""));
    let (peer, bye) = &sent[1];
    assert_eq!(peer.to_string(), "192.0.2.10:5090");
    assert_eq!(routing(bye).1, ["<sip:192.0.2.10:5090;lr>", "<sip:192.0.2.77;lr>"]);
}
