//! The screen, drawn into memory.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::obey;
use super::order::Order;
use super::screen;
use super::view::{Snapshot, View};
use crate::admin::{Call, ClientError, Counted, Latency, Leg, Node, ShieldCounted, Trunk};
use crate::received::Received;
use crate::reported::Reported;
use crate::runtime::{Quantiles, Status, clock};
use crate::trouble::Trouble;

fn leg(trunk: &str, packets: u64, lost: u64) -> Leg {
    Leg {
        trunk: trunk.to_owned(),
        call_id: "c".to_owned(),
        signalling: "10.0.0.20:5060".parse().unwrap(),
        media_local: None,
        media_remote: None,
        silent_s: None,
        received: Some(Received { packets, lost, ..Received::default() }),
        reported: None,
    }
}

fn snapshot(calls: usize, relayed: u64) -> Snapshot {
    let call = |number: usize| Call {
        id: format!("edge-1-{number:04}"),
        phase: "established".to_owned(),
        started: String::new(),
        answered: None,
        talk_s: 12,
        caller: "+442079460000".to_owned(),
        number_dialled: "+33142685300".to_owned(),
        number_sent: None,
        route: None,
        codec: Some("PCMA".to_owned()),
        media: "relayed".to_owned(),
        trouble: Vec::new(),
        a: leg("pbx", relayed, 0),
        b: Some(leg("carrier", relayed, 3)),
    };
    let sip = [("calls_standing".to_owned(), calls as u64), ("requests".to_owned(), relayed / 10)];
    Snapshot {
        node: Node {
            name: "edge-1".to_owned(),
            version: "0.1.0".to_owned(),
            started: "2026-11-22T10:00:00Z".to_owned(),
            draining: false,
            shards: 2,
            devices: [("eth0".to_owned(), "native".to_owned())].into(),
        },
        trunks: vec![trunk()],
        calls: (0..calls).map(call).collect(),
        counted: Counted {
            relay: [("rtp".to_owned(), relayed)].into(),
            drop: [("no_endpoint".to_owned(), 4), ("ip_options".to_owned(), 0)].into(),
            pass: [].into(),
            shield: ShieldCounted::default(),
            added_latency: [].into(),
            process: Some(Status {
                sip: sip.into(),
                handling_us: Quantiles { p50: 90.0, p99: 400.0, p999: 900.0 },
                records: [].into(),
            }),
        },
    }
}

fn trunk() -> Trunk {
    serde_json::from_value(serde_json::json!({
        "name": "carrier", "realm": "outside", "host": "198.51.100.10", "targets": ["udp:198.51.100.10:5060"],
        "direction": "both", "state": "enabled", "calls": 2, "max_calls": 500, "max_cps": null,
        "transport": "udp", "encryption": [], "username": null, "target_health": ["unknown"], "breaker": "closed",
        "calls_in": 2, "calls_out": 0, "cps": 0.1, "asr": null, "pdd_ms": null, "refused": {},
    }))
    .unwrap()
}

fn drawn(view: &View) -> String {
    drawn_within(120, view)
}

fn drawn_within(columns: u16, view: &View) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, 16)).unwrap();
    terminal.draw(|frame| screen::draw(frame, view)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn two_answers_a_second_apart_make_rates() {
    let start = clock::now();
    let mut view = View::new(snapshot(2, 1_000), start, 1);
    assert!(drawn(&view).contains("packets relayed/s -"), "one answer has no rate");
    view.take_in(Ok(snapshot(2, 1_200)), start + Duration::from_secs(2));
    insta::assert_snapshot!(drawn(&view));
}

#[test]
fn a_narrow_screen_has_fewer_columns_and_cuts_no_name() {
    let mut view = View::new(snapshot(2, 1_000), clock::now(), 1);
    view.now.trunks[0].state = "unregistered".to_owned();
    insta::assert_snapshot!(drawn_within(80, &view));
}

#[test]
fn an_edge_that_does_not_answer_leaves_what_was_known_on_the_screen() {
    let start = clock::now();
    let mut view = View::new(snapshot(2, 1_000), start, 1);
    view.take_in(Err(ClientError::Refused("gone".to_owned())), start + Duration::from_secs(1));
    let screen = drawn(&view);
    assert!(screen.contains("gone") && screen.contains("edge-1-0001"), "{screen}");
}

#[test]
fn scrolling_stays_within_the_calls() {
    let start = clock::now();
    let mut view = View::new(snapshot(3, 0), start, 1);
    view.scroll(20);
    assert_eq!(view.first_call, 2);
    view.take_in(Ok(snapshot(1, 0)), start + Duration::from_secs(1));
    assert_eq!(view.first_call, 0, "calls have ended meanwhile");
    view.scroll(-1);
    assert_eq!(view.first_call, 0);
    view.take_in(Ok(snapshot(0, 0)), start + Duration::from_secs(2));
    view.scroll(1);
    assert_eq!(view.first_call, 0);
}

/// Ids in an order, of four calls of which the second loses, the third jitters, and the last is older and dead.
fn ordered(order: Order) -> Vec<String> {
    let mut calls = snapshot(4, 1_000).calls;
    calls[1].trouble = vec![Trouble::ALossy];
    calls[1].a.received = Some(Received { packets: 900, lost: 100, ..Received::default() });
    calls[2].a.reported = Some(Reported { jitter_ms: 40.0, lost: 20, ..Reported::default() });
    calls[3].trouble = vec![Trouble::Dead, Trouble::ALossy];
    calls[3].talk_s = 600;
    order.sort(&mut calls);
    calls.into_iter().map(|call| call.id.trim_start_matches("edge-1-000").to_owned()).collect()
}

#[test]
fn calls_are_shown_in_the_order_that_is_asked_for() {
    let table = [
        (Order::Trouble, ["3", "1", "0", "2"]),
        (Order::Age, ["3", "0", "1", "2"]),
        (Order::Loss, ["1", "2", "0", "3"]),
        (Order::Jitter, ["2", "0", "1", "3"]),
    ];
    for (order, expected) in table {
        assert_eq!(ordered(order), expected, "{order:?}");
    }
    let keys = ['t', 'a', 'l', 'i', 'x'].map(Order::of_key);
    assert_eq!(keys, [Some(Order::Trouble), Some(Order::Age), Some(Order::Loss), Some(Order::Jitter), None]);
}

#[test]
fn another_order_begins_at_the_first_call_and_holds_for_the_next_answer() {
    let start = clock::now();
    let mut view = View::new(snapshot(3, 0), start, 1);
    view.scroll(2);
    view.sort(Order::Age);
    assert_eq!(view.first_call, 0);
    let mut next = snapshot(3, 0);
    next.calls[2].talk_s = 99;
    view.take_in(Ok(next), start + Duration::from_secs(1));
    assert_eq!(view.now.calls[0].id, "edge-1-0002");
    assert!(drawn(&view).contains("calls by age, from 1 of 3"), "{}", drawn(&view));
}

#[test]
fn the_edge_is_asked_as_often_as_is_wanted_within_bounds() {
    let mut view = View::new(snapshot(0, 0), clock::now(), 7);
    let paces =
        [true, true, true, true, true, false, false, false, false, false, false, false].map(|slower| {
            view.pace(slower);
            view.every_s
        });
    assert_eq!(paces, [10, 30, 60, 60, 60, 30, 10, 5, 2, 1, 1, 1]);
}

#[test]
fn what_packets_take_is_that_of_the_last_interval() {
    let with = |up_to_ns: &[(u64, u64)]| {
        let mut snapshot = snapshot(1, 0);
        let latency = Latency { sum_ns: 0, up_to_ns: up_to_ns.iter().copied().collect() };
        snapshot.counted.added_latency = [("eth0".to_owned(), latency)].into();
        snapshot
    };
    let start = clock::now();
    let mut view = View::new(with(&[(900, 100)]), start, 1);
    assert!(drawn(&view).contains("delayed here p50 0.9 p99 0.9 us"), "{}", drawn(&view));
    view.take_in(Ok(with(&[(900, 101), (2_000, 1)])), start + Duration::from_secs(1));
    assert!(drawn(&view).contains("delayed here p50 0.9 p99 2.0 us"), "{}", drawn(&view));
}

#[test]
fn keys_do_what_the_last_line_says() {
    let mut view = View::new(snapshot(3, 0), clock::now(), 1);
    let mut press = |key| obey(KeyEvent::from(KeyCode::Char(key)), &mut view);
    assert!(press('i') && press('+') && press('j') && !press('q'));
    assert_eq!((view.order, view.every_s, view.first_call), (Order::Jitter, 2, 1));
}
