//! Which calls a trunk may make: by number, caller and time, by whom it is believed to call for, and emergencies before all else.

use jiff::Timestamp;

use super::control::{Control, bench, bench_routing, only};
use super::standing::{CARRIER, PBX};
use super::*;
use crate::policy::{Group, Hours, Incoming, IncomingRule};

/// An INVITE of the carrier's to a number, whose From is `+15550001`.
fn to(user: &str, number: u32, headers: &str) -> String {
    let headers = format!("Max-Forwards: 70\r\nContent-Type: application/sdp\r\n{headers}");
    request("INVITE", &format!("sip:{user}@192.0.2.1"), number, &headers, SDP)
}

fn prefix(text: &str) -> Option<NumberMatch> {
    Some(NumberMatch::Prefix(text.to_owned()))
}

fn taking(rules: Vec<IncomingRule>) -> Control {
    bench(|trunks| trunks[0].incoming = Some(Arc::new(Incoming(rules))))
}

/// The first line and the Reason of what the carrier hears at last.
fn heard(bench: &mut Control, message: &str) -> (String, String) {
    let sent = bench.receive(CARRIER, message);
    let last = sent.iter().rfind(|(to, _)| to.to_string() == CARRIER).unwrap().1.clone();
    let reason = last.lines().find(|line| line.starts_with("Reason:")).unwrap_or_default().to_owned();
    (last.lines().next().unwrap_or_default().to_owned(), reason)
}

#[test]
fn what_no_rule_takes_hears_why_and_is_recorded_and_counted_so() {
    let closed = Hours::new(&[], 0, 60, jiff::tz::TimeZone::UTC);
    let mut bench = taking(vec![
        IncomingRule { to: prefix("+4420"), caller: prefix("+44"), when: None },
        IncomingRule { to: prefix("+4430"), caller: None, when: closed },
    ]);
    bench.edge.handle(Input::CalendarRead(Timestamp::UNIX_EPOCH), bench.now);
    let table = [
        ("+441", "SIP/2.0 403 Forbidden", "Number not allowed", "incoming_number"),
        ("+44201", "SIP/2.0 403 Forbidden", "Caller not allowed", "incoming_caller"),
        ("+44301", "SIP/2.0 480 Temporarily Unavailable", "Not allowed at this time", "incoming_hours"),
    ];
    for (index, (number, status, reason, name)) in (1..).zip(table) {
        let (line, why) = heard(&mut bench, &to(number, index, ""));
        assert_eq!(line, status, "{number}");
        assert!(why.contains(reason), "{number}: {why}");
        let record = bench.records.pop().unwrap();
        assert_eq!(record.cause.name(), name);
        let counted = bench.edge.policy.trunks[0].state.refused().find(|(reason, _)| *reason == name);
        assert_eq!(counted, Some((name, 1)));
        assert_eq!(bench.edge.policy.trunks[0].usage.calls(), 0, "a refusal takes nothing");
    }
}

#[test]
fn the_identity_that_a_trunk_asserts_counts_where_it_is_believed() {
    let rules = || vec![IncomingRule { to: None, caller: prefix("+4477"), when: None }];
    let asserted = "P-Asserted-Identity: <sip:+447700900000@192.0.2.10>\r\n";
    for (trusted, status) in [(true, "INVITE "), (false, "SIP/2.0 403 ")] {
        let mut bench = bench(|trunks| {
            trunks[0].incoming = Some(Arc::new(Incoming(rules())));
            trunks[0].identity.trusted = trusted;
        });
        let sent = bench.receive(CARRIER, &to("+442071838750", 1, asserted));
        assert!(sent.iter().any(|(_, text)| text.starts_with(status)), "{trusted}: {:?}", statuses(&sent));
    }
    // Guards count by it, too: two callers behind one From.
    let guards = Guards { calls_per_caller_max: Some(1), ..Guards::default() };
    let mut bench = bench(|trunks| {
        trunks[0].guards = Some(Arc::new(guards));
        trunks[0].identity.trusted = true;
    });
    for (number, user, status) in [(1, "1", "INVITE "), (2, "2", "INVITE "), (3, "1", "SIP/2.0 403 ")] {
        let asserted = format!("P-Asserted-Identity: <sip:+44770090000{user}@192.0.2.10>\r\n");
        let sent = bench.receive(CARRIER, &to("+442071838750", number, &asserted));
        only(&sent, status);
    }
}

/// The carrier reaches the PBX by a priority route, and as usual by another one.
fn with_emergency(change: impl FnOnce(&mut [Trunk; 3])) -> Control {
    bench_routing(
        1,
        change,
        |_| {},
        |routes| {
            routes[3] = Route {
                priority: true,
                ..Route::new(
                    "emergency",
                    vec![TrunkId::new(0)],
                    NumberMatch::Exact(vec!["112".to_owned()]),
                    TrunkId::new(1),
                )
            };
        },
    )
}

#[test]
fn an_emergency_passes_every_bound_of_trunk_and_group_and_every_rule() {
    let none = || Limits { calls_max: Some(0), ..Limits::default() };
    let mut bench = with_emergency(|trunks| {
        trunks[0].incoming =
            Some(Arc::new(Incoming(vec![IncomingRule { to: prefix("+44"), caller: None, when: None }])));
        for trunk in &mut trunks[..2] {
            trunk.limits = none();
            trunk.group = Some(Group { name: "g".into(), limits: none(), load: Arc::default() });
        }
    });
    let sent = bench.receive(CARRIER, &to("112", 1, ""));
    assert_eq!(only(&sent, "INVITE ").0.to_string(), PBX);
    let (line, _) = heard(&mut bench, &to("+442071838750", 2, ""));
    assert_eq!(line, "SIP/2.0 503 Service Unavailable");
    assert_eq!(bench.records.pop().unwrap().cause.name(), "max_calls");
}

#[test]
fn an_emergency_is_not_turned_away_under_load_until_there_are_too_many() {
    let mut bench = with_emergency(|_| {});
    // A queue that does not drain, behind which every message has waited for longer than it is worth reading.
    let late = |bench: &mut Control| bench.edge.handle(Input::Waited(Duration::from_secs(2)), bench.now);
    late(&mut bench);
    bench.now += Duration::from_millis(200);
    late(&mut bench);
    assert_eq!(bench.receive(CARRIER, &to("+442071838750", 1, "")), [], "what is stale is not read");
    let mut served = 0;
    for number in 2..62 {
        late(&mut bench);
        let sent = bench.receive(CARRIER, &to("112", number, ""));
        served += usize::from(sent.iter().any(|(_, text)| text.starts_with("SIP/2.0 100 ")));
    }
    assert_eq!(served, 50, "whoever floods with them is turned away as others are");
    late(&mut bench);
    assert_eq!(bench.receive(CARRIER, &to("1120", 70, "")), [], "another number is none");
}
