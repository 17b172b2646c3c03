//! The catalogue of keys against the reference configuration, and the forms of single values.

use std::time::Duration;

use super::Config;
use super::keys;
use super::nearest::nearest;
use super::value::duration;

const REFERENCE: &str = include_str!("../../../docs/edge.toml");

#[test]
fn whatever_a_file_holds_it_is_taken_or_refused_with_reasons() {
    let lines: Vec<_> = REFERENCE.lines().collect();
    let truncated = (0..REFERENCE.len()).step_by(7).filter_map(|end| REFERENCE.get(..end)).map(str::to_owned);
    let without_a_line =
        (0..lines.len()).map(|gone| [&lines[..gone], &lines[gone + 1..]].concat().join("\n"));
    let values =
        ["0", "-1", "4294967296", "1e9", "true", "\"\"", "\"☎\"", "[]", "[[]]", "{}", "2026-01-01", "["];
    let replaced = values.into_iter().flat_map(|value| {
        let lines = &lines;
        (0..lines.len()).filter_map(move |index| {
            let (key, _) = lines[index].split_once(" = ")?;
            let line = format!("{key} = {value}");
            Some([&lines[..index], &[line.as_str()], &lines[index + 1..]].concat().join("\n"))
        })
    });
    let mut refused = 0;
    for text in truncated.chain(without_a_line).chain(replaced) {
        if let Err(problems) = Config::parse(&text) {
            assert!(!problems.is_empty(), "{text}");
            assert!(problems.iter().all(|problem| problem.line <= text.lines().count() + 1), "{problems:?}");
            refused += 1;
        }
    }
    assert!(refused > 1000, "{refused} files were refused");
}

#[test]
fn the_reference_shows_every_key() {
    let sections = [
        keys::ROOT,
        keys::NODE,
        keys::LOG,
        keys::XDP,
        keys::CDR,
        keys::SHIELD,
        keys::TIMERS,
        keys::DNS,
        keys::REALM,
        keys::REALM_TLS,
        keys::TRUNK,
        keys::TRUNK_TLS,
        keys::ROUTE,
        keys::ROUTE_NUMBERS,
        keys::ROUTE_WHEN,
        keys::ROUTE_REWRITE,
        keys::ROUTE_TARGET,
        keys::PATIENCE,
    ];
    for key in sections.iter().copied().flatten() {
        let shown =
            REFERENCE.contains(&format!("{} = ", key.name)) || REFERENCE.contains(&format!("[{}]", key.name));
        assert!(shown, "{} is not in docs/edge.toml", key.name);
    }
}

#[test]
fn durations_have_a_whole_number_and_a_unit() {
    let table = [
        ("1500ms", Some(Duration::from_millis(1500))),
        ("30s", Some(Duration::from_secs(30))),
        ("2m", Some(Duration::from_secs(120))),
        ("1h", Some(Duration::from_secs(3600))),
        ("0s", Some(Duration::ZERO)),
        ("30", None),
        ("s", None),
        ("", None),
        ("1.5s", None),
        ("-1s", None),
        ("30 s", None),
        ("30S", None),
        ("99999999999999999999s", None),
        ("18446744073709551615h", None),
    ];
    for (text, want) in table {
        assert_eq!(duration(text), want, "{text:?}");
    }
}

#[test]
fn the_nearest_name_is_offered_only_when_it_is_near() {
    let known = ["media", "media_ports", "name", "device", "sip"];
    let table = [
        ("media_port", Some("media_ports")),
        ("Name", Some("name")),
        ("naem", Some("name")),
        ("ports", Some("media_ports")),
        ("sips", Some("sip")),
        ("colour", None),
        ("x", None),
        ("", None),
    ];
    for (found, want) in table {
        assert_eq!(nearest(found, known).as_deref(), want, "{found:?}");
    }
}
