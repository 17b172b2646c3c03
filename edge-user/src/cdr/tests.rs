use std::time::{Duration, Instant, SystemTime};

use edge_core::call::{AttemptRecord, CallRecord, Cause, LegRecord, Outcome, Side};
use edge_core::media::{MediaReport, Offender, Rated, Reported, RtpQuality};
use edge_core::sip::StatusCode;

use super::json::{Line, day};

#[expect(clippy::disallowed_methods, reason = "a record has instants, and only the clock makes them")]
pub(crate) fn record() -> CallRecord {
    let started = Instant::now();
    let leg = |trunk: &str, packets| LegRecord {
        trunk: trunk.to_owned(),
        call_id: format!("{trunk}-call"),
        signalling: "192.0.2.1:5060".parse().unwrap(),
        media_local: Some("192.0.2.2:20000".parse().unwrap()),
        media_remote: Some("192.0.2.1:6000".parse().unwrap()),
        media: MediaReport {
            packets,
            bytes: packets * 214,
            rtp: RtpQuality {
                packets,
                lost: 2,
                loss_runs: 2,
                duplicated: 1,
                jitter_us: 1_250,
                largest_gap_us: 61_440,
                spacing: [0, 0, 1, packets - 3, 1, 0, 0, 0],
                ..RtpQuality::default()
            },
            drops: vec![("unexpected_source", 7)],
            let_pass: vec![("payload_type", 3)],
            offender: Some(Offender {
                source: "192.0.2.66:4000".parse().unwrap(),
                reason: "unexpected_source",
                payload_type: 8,
            }),
            reported: Reported {
                reports: 4,
                lost: -1,
                fraction_lost: 20,
                jitter_us: 2_500,
                round_trip_us: Some(41_250),
                rated: Rated {
                    r_factor: Some(77),
                    mos_listening: Some(38),
                    mos_conversational: None,
                    discarded: 64,
                },
            },
        },
    };
    CallRecord {
        id: "edge-1-0123456789abcdef".to_owned(),
        a: leg("carrier", 100),
        b: Some(leg("pbx", 98)),
        route: Some("did".to_owned()),
        caller: "+15550001".to_owned(),
        number_dialled: "+442071838750".to_owned(),
        number_sent: Some("750".to_owned()),
        from_call: None,
        redirects: 0,
        silences: [0, 0],
        digits: [0, 3],
        attempts: vec![
            attempt(started, None, Outcome::Skipped { why: "max_calls", detail: "trunk x: full".to_owned() }),
            attempt(started, Some("192.0.2.9:5060"), Outcome::Refused(StatusCode::SERVICE_UNAVAILABLE)),
            attempt(started, Some("192.0.2.1:5060"), Outcome::Answered),
        ],
        codec: Some("PCMA".to_owned()),
        direct_media: false,
        ringback: true,
        transcoded: Some("PCMU".to_owned()),
        started,
        ringing: Some(started + Duration::from_millis(40)),
        answered: Some(started + Duration::from_millis(140)),
        ended: started + Duration::from_millis(2140),
        cause: Cause::Hangup(Side::B),
    }
}

fn attempt(began: Instant, target: Option<&str>, outcome: Outcome) -> AttemptRecord {
    let target = target.map(|target| target.parse().unwrap());
    let (trunk, number, ended) =
        ("pbx".to_owned(), "750".to_owned(), Some(began + Duration::from_millis(30)));
    AttemptRecord { trunk, target, number, began, ended, outcome }
}

fn line(record: &CallRecord) -> serde_json::Value {
    let started = record.started;
    let calendar = |instant: Instant| SystemTime::UNIX_EPOCH + (instant - started);
    serde_json::to_value(Line::new(record, calendar)).unwrap()
}

#[test]
fn an_answered_call_says_everything() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&line(&record())).unwrap());
}

#[test]
fn a_refused_call_has_no_other_side_and_no_duration() {
    let refused = edge_core::call::Refused::NoRoute { number: "+1900".to_owned() };
    let record = CallRecord { b: None, answered: None, cause: Cause::Refused(refused), ..record() };
    let line = line(&record);
    assert_eq!(line["duration_ms"], 0);
    assert_eq!(line["status"], 404);
    assert_eq!(line["cause"], "no_route");
    assert_eq!(line["detail"], "no route for +1900");
    assert!(line["b"].is_null());
}

#[test]
fn days_are_those_of_utc() {
    assert_eq!(day(SystemTime::UNIX_EPOCH + Duration::from_hours(24)), "1970-01-02");
}

#[test]
fn calls_that_have_a_record_are_found_in_the_newest_two_files_of_their_node() {
    let directory = std::env::temp_dir().join(format!("edge-recorded-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&directory));
    std::fs::create_dir_all(&directory).unwrap();
    let text = |id: &str| {
        let record = CallRecord { id: id.to_owned(), ..record() };
        format!("{}\n", serde_json::to_string(&Line::new(&record, |_| SystemTime::UNIX_EPOCH)).unwrap())
    };
    for (file, lines) in [
        ("n-2026-01-01.jsonl", text("too-old")),
        ("n-2026-01-02.jsonl", text("yesterday")),
        ("n-2026-01-03.jsonl", text("today") + &text("another") + "{\"id\":\"cut"),
        ("n-2-2026-01-04.jsonl", text("of-another-node")),
    ] {
        std::fs::write(directory.join(file), lines).unwrap();
    }
    let ids = ["too-old", "yesterday", "today", "never", "of-another-node"].map(str::to_owned).into();
    let found = super::recorded(&directory, "n", &ids).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(found, ["yesterday", "today"].map(str::to_owned).into());
}
