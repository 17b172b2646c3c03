use super::*;

/// Records of a zone, one a line: `name TTL kind data`. `!` instead of data: no server answers.
fn answers_of(zone: &str, wanted: &Query) -> Answer {
    let (mut records, mut least) = (Vec::new(), None);
    for line in zone.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, ttl, kind, ref data @ ..] = words[..] else { continue };
        if name != wanted.name || kind != format!("{:?}", wanted.kind).to_ascii_uppercase() {
            continue;
        }
        let ttl = Duration::from_secs(ttl.parse().unwrap());
        least = Some(least.map_or(ttl, |least: Duration| least.min(ttl)));
        match data {
            ["!"] => return Answer::Failed,
            ["-"] => {}
            _ => records.push(record(wanted.kind, data)),
        }
    }
    Answer::Known { records, ttl: least.unwrap_or(Duration::from_secs(60)) }
}

fn record(kind: Kind, data: &[&str]) -> Record {
    let name = |text: &str| text.trim_end_matches('.').to_owned();
    match (kind, data) {
        (Kind::Naptr, [order, preference, flags, service, regexp, replacement]) => Record::Naptr {
            order: order.parse().unwrap(),
            preference: preference.parse().unwrap(),
            flags: (*flags).to_owned(),
            service: (*service).to_owned(),
            has_regexp: *regexp != "-",
            replacement: name(replacement),
        },
        (Kind::Srv, [priority, weight, port, target]) => Record::Srv {
            priority: priority.parse().unwrap(),
            weight: weight.parse().unwrap(),
            port: port.parse().unwrap(),
            target: name(target),
        },
        (Kind::A | Kind::Aaaa, [address]) => Record::Address(address.parse().unwrap()),
        (kind, data) => panic!("{kind:?} {data:?}"),
    }
}

/// What a name leads to, in words; and the questions, a round a line.
fn resolve(question: &Question, zone: &str) -> (Vec<String>, Vec<String>, Duration) {
    let (mut answers, mut rounds) = (Answers::new(), Vec::new());
    loop {
        match step(question, &answers) {
            Step::Ask(queries) => {
                assert!(!queries.is_empty() && rounds.len() < 3, "{rounds:?} {queries:?}");
                let asked: Vec<_> =
                    queries.iter().map(|query| format!("{:?} {}", query.kind, query.name)).collect();
                rounds.push(asked.join(", "));
                answers.extend(queries.into_iter().map(|query| (query.clone(), answers_of(zone, &query))));
            }
            Step::Done { leads, ttl } => {
                let told = match leads {
                    Ok(targets) => targets.candidates().iter().map(described).collect(),
                    Err(nowhere) => vec![format!("{nowhere:?}")],
                };
                return (told, rounds, ttl);
            }
        }
    }
}

fn described(candidate: &Candidate) -> String {
    let targets: Vec<_> = candidate
        .families
        .iter()
        .flatten()
        .map(|target| format!("{}:{}", target.transport, target.address))
        .collect();
    format!("{}.{}/{} {}", candidate.rank >> 16, candidate.rank & 0xffff, candidate.weight, targets.join(" "))
}

const UDP: Way = Way { transport: Transport::Udp, family: Family::V4 };
const UDP6: Way = Way { transport: Transport::Udp, family: Family::V6 };
const TLS: Way = Way { transport: Transport::Tls, family: Family::V4 };
const TCP: Way = Way { transport: Transport::Tcp, family: Family::V4 };

fn question(port: Option<u16>, transport: Option<Transport>, ways: &[Way]) -> Question {
    Question { name: "c.example".to_owned(), port, transport, ways: ways.to_vec() }
}

const ZONE: &str = "
c.example            300 NAPTR 20 10 s SIP+D2U - _sip._udp.east.example.
c.example            300 NAPTR 10 20 S sip+d2t - _sip._tcp.c.example.
c.example            300 NAPTR 10 10 s SIPS+D2T - _sips._tcp.c.example.
c.example            300 NAPTR 10 15 s SIP+D2U - _sip._udp.c.example.
c.example            300 NAPTR 5 1 u E2U+sip !^.*$!sip:x@y! .
c.example            300 NAPTR 6 1 s SIP+D2U !^.*$!sip:x@y! _sip._udp.regexp.example.
c.example            60 A 192.0.2.9
c.example            60 AAAA 2001:db8::9
_sip._udp.c.example  120 SRV 10 60 5060 a.example.
_sip._udp.c.example  120 SRV 10 40 5070 b.example.
_sip._udp.c.example  120 SRV 20 0 5060 backup.example.
_sip._tcp.c.example  120 SRV 0 0 5061 a.example.
_sips._tcp.c.example 120 SRV 0 0 5071 a.example.
_sip._udp.east.example 120 SRV 0 0 5060 east.example.
a.example            30 A 192.0.2.2
a.example            30 A 192.0.2.1
a.example            30 AAAA 2001:db8::1
b.example            30 A 192.0.2.3
backup.example       40 A 192.0.2.4
";

/// What it is about; question; zone; what it leads to; what was asked.
type Case<'a> = (&'a str, Question, &'a str, &'a [&'a str], &'a [&'a str]);

#[test]
fn a_name_leads_where_rfc_3263_says() {
    let plain = ["c.example 60 A 192.0.2.9", "c.example 60 AAAA 2001:db8::9"].join("\n");
    let table: [Case<'_>; 11] = [
        (
            "a realm with TLS takes the service that prefers it",
            question(None, None, &[UDP, TLS]),
            ZONE,
            &[
                "0.0/0 tls:192.0.2.1:5071 tls:192.0.2.2:5071",
                "1.10/60 udp:192.0.2.1:5060 udp:192.0.2.2:5060",
                "1.10/40 udp:192.0.2.3:5070",
                "1.20/0 udp:192.0.2.4:5060",
            ],
            &[
                "Naptr c.example",
                "Srv _sips._tcp.c.example, Srv _sip._udp.c.example",
                "A a.example, A b.example, A backup.example",
            ],
        ),
        (
            "TLS without SRV records has a port of its own",
            question(None, Some(Transport::Tls), &[TLS]),
            &plain,
            &["0.0/0 tls:192.0.2.9:5061"],
            &["Srv _sips._tcp.c.example", "A c.example"],
        ),
        (
            "the lowest order that has a service for us, in the order of preference",
            question(None, None, &[UDP, TCP]),
            ZONE,
            &[
                "0.10/60 udp:192.0.2.1:5060 udp:192.0.2.2:5060",
                "0.10/40 udp:192.0.2.3:5070",
                "0.20/0 udp:192.0.2.4:5060",
                "1.0/0 tcp:192.0.2.1:5061 tcp:192.0.2.2:5061",
            ],
            &[
                "Naptr c.example",
                "Srv _sip._udp.c.example, Srv _sip._tcp.c.example",
                "A a.example, A b.example, A backup.example",
            ],
        ),
        (
            "a service that nothing of ours can use is not there",
            question(None, None, &[TCP]),
            ZONE,
            &["0.0/0 tcp:192.0.2.1:5061 tcp:192.0.2.2:5061"],
            &["Naptr c.example", "Srv _sip._tcp.c.example", "A a.example"],
        ),
        (
            "the transport is given: SRV of that alone",
            question(None, Some(Transport::Tcp), &[TCP]),
            ZONE,
            &["0.0/0 tcp:192.0.2.1:5061 tcp:192.0.2.2:5061"],
            &["Srv _sip._tcp.c.example", "A a.example"],
        ),
        (
            "the port is given: addresses alone",
            question(Some(5080), None, &[TCP, UDP]),
            ZONE,
            &["0.0/0 udp:192.0.2.9:5080"],
            &["A c.example"],
        ),
        (
            "port and transport are given",
            question(Some(5080), Some(Transport::Tcp), &[TCP]),
            ZONE,
            &["0.0/0 tcp:192.0.2.9:5080"],
            &["A c.example"],
        ),
        (
            "no NAPTR: SRV of each transport in our order; no SRV either: addresses, over UDP",
            question(None, None, &[TCP, UDP]),
            &plain,
            &["0.0/0 udp:192.0.2.9:5060"],
            &["Naptr c.example", "Srv _sip._tcp.c.example, Srv _sip._udp.c.example", "A c.example"],
        ),
        (
            "both families, the preferred one first",
            question(None, Some(Transport::Udp), &[UDP6, UDP]),
            &plain,
            &["0.0/0 udp:[2001:db8::9]:5060 udp:192.0.2.9:5060"],
            &["Srv _sip._udp.c.example", "Aaaa c.example, A c.example"],
        ),
        (
            "no NAPTR: SRV in our order of transports",
            question(None, None, &[TCP, UDP]),
            "_sip._udp.c.example 9 SRV 0 0 5060 c.example.\n_sip._tcp.c.example 9 SRV 3 1 5060 c.example.\n\
             c.example 9 A 192.0.2.9",
            &["0.3/1 tcp:192.0.2.9:5060", "1.0/0 udp:192.0.2.9:5060"],
            &["Naptr c.example", "Srv _sip._tcp.c.example, Srv _sip._udp.c.example", "A c.example"],
        ),
        (
            "a NAPTR record that names a host",
            question(None, None, &[UDP]),
            "c.example 9 NAPTR 0 0 A SIP+D2U - a.example.\na.example 9 A 192.0.2.1",
            &["0.0/0 udp:192.0.2.1:5060"],
            &["Naptr c.example", "A a.example"],
        ),
    ];
    for (case, question, zone, leads, asked) in table {
        let (led, rounds, _) = resolve(&question, zone);
        assert_eq!(led, leads, "{case}");
        assert_eq!(rounds, asked, "{case}");
    }
}

#[test]
fn what_cannot_be_used_is_left_out_and_says_why_when_nothing_is_left() {
    let udp = || question(None, Some(Transport::Udp), &[UDP]);
    let srv = "_sip._udp.c.example 60 SRV";
    for (case, zone, leads) in [
        ("nothing at all", String::new(), "NoRecords"),
        ("decidedly not offered", format!("{srv} 0 0 0 ."), "Declined"),
        ("no SRV server answers", format!("{srv} !\nc.example 9 A 192.0.2.9"), "Failed"),
        ("no address server answers", "c.example 9 A !".to_owned(), "Failed"),
        ("SRV names a host without addresses", format!("{srv} 0 0 5060 a.example."), "NoRecords"),
        (
            "port 0 is none",
            format!("{srv} 0 0 0 a.example.\nc.example 9 A 192.0.2.9"),
            "0.0/0 udp:192.0.2.9:5060",
        ),
        (
            "nobody's addresses",
            "c.example 9 A 0.0.0.0\nc.example 9 A 224.0.0.1\nc.example 9 A 255.255.255.255".to_owned(),
            "NoRecords",
        ),
        (
            "one host of two cannot be looked up",
            format!(
                "{srv} 0 0 5060 a.example.\n{srv} 1 0 5060 b.example.\na.example 9 A !\nb.example 9 A 192.0.2.3"
            ),
            "0.1/0 udp:192.0.2.3:5060",
        ),
        (
            "one host of two has no address",
            format!("{srv} 0 0 5060 a.example.\n{srv} 1 0 5060 b.example.\nb.example 9 A 192.0.2.3"),
            "0.1/0 udp:192.0.2.3:5060",
        ),
    ] {
        assert_eq!(resolve(&udp(), &zone).0, [leads], "{case}");
    }
    // Without its NAPTR records nobody knows which transport a name wants: what was known before stays.
    let any = question(None, None, &[UDP]);
    assert_eq!(resolve(&any, "c.example 9 NAPTR !\nc.example 9 A 192.0.2.9").0, ["Failed"]);
}

#[test]
fn an_answer_holds_as_long_as_its_shortest_part_within_bounds() {
    let udp = question(Some(5060), None, &[UDP]);
    for (zone, ttl_s) in [
        ("c.example 120 A 192.0.2.9", 120),
        ("c.example 0 A 192.0.2.9", 5),
        ("c.example 999999 A 192.0.2.9", 3600),
        ("c.example 999999 A -", 300),
        ("c.example 20 A -", 20),
        ("c.example 999999 A !", 10),
    ] {
        assert_eq!(resolve(&udp, zone).2.as_secs(), ttl_s, "{zone}");
    }
    let parts = "_sip._udp.c.example 50 SRV 0 0 5060 a.example.\n_sip._udp.c.example 70 SRV 0 0 5060 b.example.\n\
                 a.example 40 A 192.0.2.1\nb.example 99 A !";
    let question = question(None, Some(Transport::Udp), &[UDP]);
    assert_eq!(resolve(&question, parts).2, RETRY, "a part that could not be had is asked for again soon");
    let whole = parts.replace('!', "192.0.2.2");
    assert_eq!(resolve(&question, &whole).2.as_secs(), 40);
}

#[test]
fn whatever_dns_says_there_are_no_more_targets_than_the_bounds() {
    let mut zone = String::new();
    for host in 0..1000 {
        zone += &format!("_sip._udp.c.example 60 SRV {host} 1 5060 h{host}.example.\n");
    }
    for host in 0..20 {
        for last in 1..=200 {
            zone += &format!("h{host}.example 60 A 192.0.2.{last}\n");
        }
    }
    let (led, rounds, _) = resolve(&question(None, Some(Transport::Udp), &[UDP]), &zone);
    assert_eq!(led.len(), CANDIDATES_MAX);
    assert!(led.iter().all(|candidate| candidate.matches("udp:").count() == ADDRESSES_MAX), "{led:?}");
    assert_eq!(rounds[1].matches("A ").count(), CANDIDATES_MAX);
}

#[test]
fn the_same_records_in_another_order_are_the_same_answer() {
    let mut lines: Vec<&str> = ZONE.lines().collect();
    let first = resolve(&question(None, None, &[UDP, TCP]), ZONE);
    lines.reverse();
    assert_eq!(resolve(&question(None, None, &[UDP, TCP]), &lines.join("\n")), first);
}

#[test]
fn a_question_has_what_its_realm_can_use() {
    let listener = |transport, address: &str| Listener { transport, address: address.parse().unwrap() };
    let listeners = [
        listener(Transport::Tcp, "192.0.2.1:5060"),
        listener(Transport::Udp, "192.0.2.1:5060"),
        listener(Transport::Udp, "192.0.2.2:5060"),
        listener(Transport::Udp, "[2001:db8::1]:5060"),
    ];
    let name = |transport| Host::Name { name: "c.example".to_owned(), port: None, transport };
    let ways = |transport| Question::of(&name(transport), &listeners).map(|question| question.ways);
    assert_eq!(ways(None), Some(vec![TCP, UDP, UDP6]));
    assert_eq!(ways(Some(Transport::Tcp)), Some(vec![TCP]));
    assert_eq!(Question::of(&name(Some(Transport::Tcp)), &listeners[1..]), None);
    let address = Host::Address { address: "192.0.2.9:5060".parse().unwrap(), transport: Transport::Udp };
    assert_eq!(Question::of(&address, &listeners), None);
}
