//! What the two sides of a call say to each other while it stands, or before: each drill is two scenarios of SIPp, written step by
//! step, which check what they hear.

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{Cdr, wait_for_cdrs};
use edge_tests::lab::Side;
use edge_tests::sipp::Scenario;
use edge_tests::sipp::script::{BODY, Script, speech, speech_at};
use edge_tests::{EdgeConfig, Sipp};

/// Longer than the caller's ACK may take to reach edge after who is called has its own, also where a processor is taken away for a
/// while: what it asks before is answered with 491.
const CROSSED_MS: u32 = 1_200;

/// Plays one call from `from`, and gives its record.
fn play(config: EdgeConfig, from: Side, calling: Scenario, called: Scenario) -> Result<Cdr> {
    let mut record = None;
    with_edge(config, |lab, edge| {
        start(lab, caller(from, calling), Sipp::called(from.other(), called))?.succeed()?;
        record = Some(wait_for_cdrs(lab, 1, PATIENCE)?.remove(0));
        edge.stop()
    })?;
    record.ok_or_else(|| anyhow::anyhow!("no record"))
}

/// The same in both directions; the caller hangs up.
fn plays_both_ways(script: impl Fn() -> [Scenario; 2]) -> Result<()> {
    for side in Side::BOTH {
        let [calling, called] = script();
        let cdr = play(EdgeConfig::default(), side, calling, called)?;
        ensure!((cdr.cause(), cdr.ended_by()) == ("hangup", "a"), "{cdr:?}");
    }
    Ok(())
}

/// A call up to the ACK, each side with these headers in its INVITE or 200.
fn up(name: &'static str, asks: &[&str], hears: &[(&str, &str)], answers: &[&str]) -> [Script; 2] {
    let calling = Script::caller(name).asks("INVITE", asks, &speech(1, &[])).may_hear(100).may_hear(180);
    let called = Script::called(name).is_asked("INVITE", &[]).answers("200 OK", answers, &speech(1, &[]));
    [calling.hears(200, hears).acknowledges(""), called.is_asked("ACK", &[])]
}

/// The caller hangs up.
fn ends([calling, called]: [Script; 2]) -> [Scenario; 2] {
    let calling = calling.asks("BYE", &[], "").hears(200, &[]);
    [calling.scenario(), called.is_asked("BYE", &[]).answers("200 OK", &[], "").scenario()]
}

/// One side holds by the address 0.0.0.0 and the other one hears `sendonly`; then it resumes.
fn holds_by_address(side: Script, other: Script) -> [Script; 2] {
    let side = side
        .asks("INVITE", &[], &speech_at("0.0.0.0", 2, &[]))
        .may_hear(100)
        .hears(200, &[(BODY, "a=recvonly")])
        .acknowledges("")
        .asks("INVITE", &[], &speech(3, &["a=sendrecv"]))
        .may_hear(100)
        .hears(200, &[(BODY, "a=sendrecv")])
        .acknowledges("");
    let other = other
        .is_asked("INVITE", &[(BODY, "a=sendonly"), (BODY, "!0[.]0[.]0[.]0")])
        .answers("200 OK", &[], &speech(2, &["a=recvonly"]))
        .is_asked("ACK", &[])
        .is_asked("INVITE", &[(BODY, "a=sendrecv")])
        .answers("200 OK", &[], &speech(3, &["a=sendrecv"]))
        .is_asked("ACK", &[]);
    [side, other]
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_calls_holds_by_the_address_0_0_0_0() -> Result<()> {
    plays_both_ways(|| {
        let [calling, called] = up("caller holds by address", &[], &[], &[]);
        ends(holds_by_address(calling.waits(200), called))
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_is_called_holds_by_the_address_0_0_0_0() -> Result<()> {
    plays_both_ways(|| {
        let [calling, called] = up("called holds by address", &[], &[], &[]);
        let [called, calling] = holds_by_address(called.waits(CROSSED_MS), calling);
        ends([calling.waits(200), called])
    })
}

/// One side invites without an offer: the other one makes it, and hears the answer in the ACK.
fn asks_for_an_offer(side: Script, other: Script) -> [Script; 2] {
    let side = side
        .asks("INVITE", &[], "")
        .may_hear(100)
        .hears(200, &[(BODY, "m=audio")])
        .acknowledges(&speech(2, &["a=sendrecv"]));
    let other = other
        .is_asked("INVITE", &[("Content-Length", "^ *0")])
        .answers("200 OK", &[], &speech(2, &["a=sendrecv"]))
        .is_asked("ACK", &[(BODY, "m=audio")]);
    [side, other]
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn either_side_is_asked_again_for_its_offer() -> Result<()> {
    plays_both_ways(|| {
        let [calling, called] = up("asked for an offer", &[], &[], &[]);
        let [calling, called] = asks_for_an_offer(calling.waits(200), called);
        let [called, calling] = asks_for_an_offer(called.waits(CROSSED_MS), calling);
        ends([calling.waits(200), called])
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_is_called_changes_by_update() -> Result<()> {
    plays_both_ways(|| {
        let allow = ["Allow: INVITE, ACK, BYE, CANCEL, UPDATE"];
        let [calling, called] = up("called updates", &allow, &[("Allow", "UPDATE")], &allow);
        let called = called
            .waits(CROSSED_MS)
            .asks("UPDATE", &[], &speech(2, &["a=inactive"]))
            .hears(200, &[(BODY, "a=inactive")]);
        let calling = calling.is_asked("UPDATE", &[(BODY, "a=inactive")]).answers(
            "200 OK",
            &[],
            &speech(2, &["a=inactive"]),
        );
        ends([calling.waits(200), called])
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_change_that_meets_another_one_hears_491_and_crosses_afterwards() -> Result<()> {
    plays_both_ways(|| {
        let [calling, called] = up("changes meet", &[], &[], &[]);
        let calling = calling
            .waits(200)
            .asks("INVITE", &[], &speech(2, &["a=sendrecv"]))
            .may_hear(100)
            .hears(200, &[])
            .acknowledges("")
            .is_asked("INVITE", &[(BODY, "a=sendonly")])
            .answers("200 OK", &[], &speech(3, &["a=recvonly"]))
            .is_asked("ACK", &[]);
        // RFC 3261 section 14.1: who is called waits for up to two seconds.
        let called = called
            .keeps_invite(&[])
            .asks("INVITE", &[], &speech(2, &["a=sendonly"]))
            .may_hear(100)
            .hears(491, &[])
            .acknowledges_refusal()
            .answers_kept("200 OK", &[], &speech(2, &["a=sendrecv"]))
            .is_asked("ACK", &[])
            .waits(CROSSED_MS)
            .asks("INVITE", &[], &speech(3, &["a=sendonly"]))
            .may_hear(100)
            .hears(200, &[(BODY, "a=recvonly")])
            .acknowledges("");
        ends([calling.waits(200), called])
    })
}

/// A session timer whose refresher is each of both, as the caller and the called side see it: each refreshes where it is to, and
/// nothing of that crosses.
fn refreshed(refresher: &'static str) -> [Scenario; 2] {
    let expires = format!("Session-Expires: 90;refresher={refresher}");
    let asks = ["Supported: timer", "Min-SE: 90", &expires, "Allow: INVITE, ACK, BYE, UPDATE"];
    let agreed = format!("^ 90;refresher={refresher}");
    // Of the called side's session edge is the UAC.
    let expires = format!("Session-Expires: 1800;refresher={refresher}");
    let answers = ["Require: timer", "Supported: timer", &expires, "Allow: INVITE, ACK, BYE, UPDATE"];
    let [mut calling, mut called] = up("session timers", &asks, &[("Session-Expires", &agreed)], &answers);
    if refresher == "uac" {
        calling = calling
            .asks("UPDATE", &["Supported: timer", "Session-Expires: 90;refresher=uac"], "")
            .hears(200, &[("Session-Expires", "^ 90;refresher=uac"), ("Require", "timer")]);
    } else {
        called = called
            .asks("UPDATE", &["Supported: timer", "Session-Expires: 1800;refresher=uac"], "")
            .hears(200, &[("Session-Expires", "^ 1800;refresher=uac"), ("Require", "timer")]);
    }
    ends([calling.waits(500), called])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn each_side_keeps_its_own_session_going_as_caller() -> Result<()> {
    plays_both_ways(|| refreshed("uac"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn each_side_keeps_its_own_session_going_when_called() -> Result<()> {
    plays_both_ways(|| refreshed("uas"))
}

/// INFO, MESSAGE and NOTIFY with their bodies, from one side to the other.
fn tells(side: Script, other: Script) -> [Script; 2] {
    let told: [(&str, &[&str], &str); 3] = [
        ("INFO", &["Content-Type: application/dtmf-relay"], "Signal=5\nDuration=160"),
        ("MESSAGE", &["Content-Type: text/plain"], "all is well"),
        ("NOTIFY", &["Event: talk", "Subscription-State: active"], ""),
    ];
    told.into_iter().fold([side, other], |[side, other], (method, headers, body)| {
        let heard: &[(&str, &str)] = match body.lines().next() {
            Some(line) => &[(BODY, line)],
            None => &[("Event", "talk")],
        };
        [
            side.asks(method, headers, body).hears(200, &[]),
            other.is_asked(method, heard).answers("200 OK", &[], ""),
        ]
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn info_message_and_notify_cross_both_ways() -> Result<()> {
    plays_both_ways(|| {
        let [calling, called] = up("tells", &[], &[], &[]);
        let [calling, called] = tells(calling.waits(200), called);
        let [called, calling] = tells(called.waits(CROSSED_MS), calling);
        ends([calling.waits(200), called])
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_reason_crosses_with_bye_cancel_and_a_refusal() -> Result<()> {
    for side in Side::BOTH {
        let [calling, called] = up("says why it hangs up", &[], &[], &[]);
        let calling =
            calling.waits(200).asks("BYE", &["Reason: Q.850;cause=31;text=\"Normal, unspecified\""], "");
        let called = called.is_asked("BYE", &[("Reason", "Q.850;cause=31")]).answers("200 OK", &[], "");
        play(EdgeConfig::default(), side, calling.hears(200, &[]).scenario(), called.scenario())?;

        let calling = Script::caller("says why it cancels")
            .asks("INVITE", &[], &speech(1, &[]))
            .may_hear(100)
            .hears(180, &[])
            .cancels(&["Reason: SIP;cause=200;text=\"Call completed elsewhere\""])
            .hears(200, &[])
            .hears(487, &[])
            .acknowledges_refusal();
        let called = Script::called("hears why it is cancelled")
            .keeps_invite(&[])
            .answers("180 Ringing", &[], "")
            .is_asked("CANCEL", &[("Reason", "SIP;cause=200")])
            .answers("200 OK", &[], "")
            .answers_kept("487 Request Terminated", &[], "")
            .is_asked("ACK", &[]);
        let cdr = play(EdgeConfig::default(), side, calling.scenario(), called.scenario())?;
        ensure!(cdr.cause() == "cancelled", "{cdr:?}");

        let calling = Script::caller("hears why")
            .asks("INVITE", &[], &speech(1, &[]))
            .may_hear(100)
            .hears(486, &[("Reason", "Q.850;cause=17"), ("Retry-After", "^ 30")])
            .acknowledges_refusal();
        let called = Script::called("says why")
            .is_asked("INVITE", &[])
            .answers("486 Busy Here", &["Reason: Q.850;cause=17", "Retry-After: 30"], "")
            .is_asked("ACK", &[]);
        let cdr = play(EdgeConfig::default(), side, calling.scenario(), called.scenario())?;
        ensure!(cdr.cause() == "rejected", "{cdr:?}");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_is_asked_of_edge_itself_is_answered_by_policy() -> Result<()> {
    let reliable = "reliable_provisional = \"required\"";
    with_edge(EdgeConfig::default().trunk(Side::Carrier, reliable), |lab, edge| {
        let asks = [
            Script::caller("subscribes")
                .asks("SUBSCRIBE", &["Event: dialog", "Expires: 60"], "")
                .hears(489, &[]),
            Script::caller("refers out of nowhere")
                .asks("REFER", &["Refer-To: <sip:1@198.51.100.1>"], "")
                .hears(403, &[]),
            Script::caller("cannot acknowledge")
                .asks("INVITE", &[], &speech(1, &[]))
                .may_hear(100)
                .hears(421, &[("Require", "100rel")])
                .acknowledges_refusal(),
            Script::caller("requires too much")
                .asks("INVITE", &["Supported: 100rel", "Require: precondition"], &speech(1, &[]))
                .may_hear(100)
                .hears(420, &[("Unsupported", "precondition")])
                .acknowledges_refusal(),
        ];
        for script in asks {
            caller(Side::Carrier, script.scenario()).start(lab)?.wait_for_success(PATIENCE)?;
        }
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        ensure!(cdrs.iter().map(Cdr::cause).eq(["extension_required", "extension"]), "{cdrs:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn by_default_a_refer_is_refused_and_the_call_goes_on() -> Result<()> {
    plays_both_ways(|| {
        let [calling, called] = up("refers", &[], &[], &[]);
        let called = called
            .waits(CROSSED_MS)
            .asks("REFER", &["Refer-To: <sip:+4420@198.51.100.1>"], "")
            .hears(603, &[]);
        let called = called.asks("INFO", &[], "").hears(200, &[]);
        ends([calling.is_asked("INFO", &[]).answers("200 OK", &[], "").waits(200), called])
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_caller_who_requires_100rel_and_makes_no_offer_hears_the_offer_first() -> Result<()> {
    // The called side says 180 without more, which cannot be told (RFC 3261 section 13.2.1).
    for side in Side::BOTH {
        let calling = Script::caller("hears the offer first")
            .asks("INVITE", &["Require: 100rel"], "")
            .may_hear(100)
            .hears(200, &[(BODY, "m=audio")])
            .acknowledges(&speech(1, &[]))
            .waits(200);
        let called = Script::called("rings and offers")
            .keeps_invite(&[("Content-Length", "^ *0")])
            .answers("180 Ringing", &[], "")
            .answers_kept("200 OK", &[], &speech(1, &[]))
            .is_asked("ACK", &[(BODY, "m=audio")]);
        let [calling, called] = ends([calling, called]);
        let cdr = play(EdgeConfig::default(), side, calling, called)?;
        ensure!((cdr.cause(), cdr.ended_by()) == ("hangup", "a"), "{cdr:?}");
    }
    Ok(())
}
