use super::*;
use crate::config::Config;

const FILE: &str = include_str!("../../tests/config/good/routes.toml");
const FAILOVER: &str = include_str!("../../tests/config/good/failover.toml");

fn asked(file: &str, from: &str, to: &str, caller: &str, at: &str) -> Explanation {
    let policy = Config::parse(file).unwrap().policy;
    let question = Question {
        from: from.to_owned(),
        to: to.to_owned(),
        caller: caller.to_owned(),
        pai: None,
        at: Some(at.to_owned()),
    };
    let moment = Moment { source: "file", now: Timestamp::UNIX_EPOCH, since_epoch: Duration::ZERO };
    explain(&policy, question, moment).unwrap()
}

const MONDAY: &str = "2026-11-23T09:00:00Z";
const NIGHT: &str = "2026-11-23T23:00:00Z";

#[test]
fn each_step_is_said_and_why_what_was_nearer_does_not_take_the_call() {
    insta::assert_snapshot!(asked(FILE, "pbx", "+442071838750", "+4930", MONDAY));
    insta::assert_snapshot!(asked(FILE, "pbx", "+441", "+4930", MONDAY));
    insta::assert_snapshot!(asked(FILE, "carrier", "+442071838750", "", NIGHT));
}

#[test]
fn trunks_come_in_their_order_with_what_each_would_be_sent() {
    insta::assert_snapshot!(asked(FAILOVER, "pbx", "+33142685300", "750", MONDAY));
    insta::assert_snapshot!(asked(FAILOVER, "pbx", "112", "", MONDAY));
}

#[test]
fn a_call_that_would_not_come_about_says_so() {
    let none = asked(FILE, "carrier", "+19005550100", "", MONDAY);
    assert_eq!(
        (none.route, none.considered.len()),
        (None, 1),
        "a route of another trunk is all that there is"
    );
    assert_eq!(none.refused.as_deref(), Some("no route takes the number: 404"));
    let closed = asked(FILE, "old", "+442071838750", "", NIGHT);
    assert!(closed.refused.unwrap().contains("trunk old is disabled"));
    // The carrier and the PBX come first in the file, and stay on.
    let off = FAILOVER.replace("failover_group", "enabled = false\nfailover_group");
    let all_off = asked(&off, "pbx", "0123", "", MONDAY);
    assert!(all_off.trunks.iter().all(|trunk| trunk.skipped), "{all_off}");
    assert_eq!(all_off.refused.as_deref(), Some("no trunk of the route may have the call: 503"));
}

#[test]
fn a_question_about_nothing_is_said_to_be_one() {
    let policy = Config::parse(FILE).unwrap().policy;
    let moment = Moment { source: "file", now: Timestamp::UNIX_EPOCH, since_epoch: Duration::ZERO };
    for (from, at, why) in [
        ("nobody", None, "no trunk nobody; `edge trunk list` shows those that there are"),
        (
            "pbx",
            Some("tomorrow"),
            "\"tomorrow\" is no time; write one as 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00",
        ),
    ] {
        let question = Question {
            from: from.to_owned(),
            to: "1".to_owned(),
            caller: String::new(),
            pai: None,
            at: at.map(str::to_owned),
        };
        assert_eq!(explain(&policy, question, moment).unwrap_err().to_string(), why);
    }
}

#[test]
fn the_identity_that_is_believed_is_the_caller_and_is_said() {
    let ask = |trusted: bool, pai: Option<&str>| {
        let file = FILE.replace("auth = \"ip\"", &format!("auth = \"ip\"\ntrust_identity = {trusted}"));
        let policy = Config::parse(&file).unwrap().policy;
        let (from, to, caller) = ("pbx".to_owned(), "+442071838750".to_owned(), "+4930".to_owned());
        let question =
            Question { from, to, caller, pai: pai.map(str::to_owned), at: Some(MONDAY.to_owned()) };
        let moment = Moment { source: "file", now: Timestamp::UNIX_EPOCH, since_epoch: Duration::ZERO };
        let explanation = explain(&policy, question, moment).unwrap();
        (explanation.caller.clone(), explanation.to_string())
    };
    let (caller, text) = ask(true, Some("+4940"));
    assert_eq!(caller, "+4940");
    assert!(text.contains("by its P-Asserted-Identity, which is believed"), "{text}");
    let (caller, text) = ask(false, Some("+4940"));
    assert_eq!(caller, "+4930");
    assert!(text.contains("by From: its P-Asserted-Identity is not believed"), "{text}");
}
