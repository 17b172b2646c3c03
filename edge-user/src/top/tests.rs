//! The screen, drawn into memory.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::screen;
use super::view::{self, Snapshot, View};
use crate::admin::{Call, ClientError, Counted, Leg, Node, ShieldCounted, Trunk};
use crate::received::Received;
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
    let mut view = View::new(snapshot(2, 1_000), start);
    assert!(drawn(&view).contains("packets relayed/s -"), "one answer has no rate");
    view.take_in(Ok(snapshot(2, 1_200)), start + Duration::from_secs(2));
    insta::assert_snapshot!(drawn(&view));
}

#[test]
fn a_narrow_screen_has_fewer_columns_and_cuts_no_name() {
    let mut view = View::new(snapshot(2, 1_000), clock::now());
    view.now.trunks[0].state = "unregistered".to_owned();
    insta::assert_snapshot!(drawn_within(80, &view));
}

#[test]
fn an_edge_that_does_not_answer_leaves_what_was_known_on_the_screen() {
    let start = clock::now();
    let mut view = View::new(snapshot(2, 1_000), start);
    view.take_in(Err(ClientError::Refused("gone".to_owned())), start + Duration::from_secs(1));
    let screen = drawn(&view);
    assert!(screen.contains("gone") && screen.contains("edge-1-0001"), "{screen}");
}

#[test]
fn scrolling_stays_within_the_calls() {
    let start = clock::now();
    let mut view = View::new(snapshot(3, 0), start);
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

#[test]
fn calls_with_something_wrong_come_first_the_worst_before_others() {
    let mut calls = snapshot(4, 0).calls;
    calls[1].trouble = vec![Trouble::ALossy];
    calls[3].trouble = vec![Trouble::Dead, Trouble::ALossy];
    let order: Vec<_> = view::worst_first(calls).into_iter().map(|call| call.id).collect();
    assert_eq!(order, ["edge-1-0003", "edge-1-0001", "edge-1-0000", "edge-1-0002"]);
}
