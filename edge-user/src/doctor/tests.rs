//! Tables of facts and the worst that is found in them.

use super::Verdict::{Fail, Ok, Warn};
use super::{Finding, Report, Verdict, examine, fails};
use crate::config::Config;
use crate::host::{Attached, Channels, EphemeralPorts, Facts, Link, Vlan};

const TWO_REALMS: &str = include_str!("../../tests/config/good/two-realms.toml");

type Change = fn(&mut Facts);

/// What is wrong with a good host, what is looked at, and the verdict.
const TABLE: &[(&str, Change, &str, Verdict)] = &[
    ("old kernel", |f| f.kernel = "5.4.0-42-generic".to_owned(), "kernel", Fail),
    ("before frames in fragments", |f| f.kernel = "5.15.0-91-generic".to_owned(), "kernel", Fail),
    ("aging kernel", |f| f.kernel = "5.19.0".to_owned(), "kernel", Warn),
    ("kernel of RHEL 9", |f| f.kernel = "5.14.0-503.11.1.el9_5.x86_64".to_owned(), "kernel", Warn),
    ("Debian 12's kernel", |f| f.kernel = "6.1.0-50-amd64".to_owned(), "kernel", Ok),
    ("odd kernel", |f| f.kernel = "mainline".to_owned(), "kernel", Warn),
    ("no BTF", |f| f.btf = false, "BTF", Warn),
    ("interpreter", |f| f.jit = Some(false), "BPF compiler", Fail),
    ("compiler unseen", |f| f.jit = None, "BPF compiler", Ok),
    ("no bpffs", |f| f.bpffs.clear(), "bpffs", Fail),
    ("bpffs elsewhere", |f| f.bpffs = vec!["/mnt".into()], "bpffs", Fail),
    ("no rights", |f| f.capabilities = 0, "CAP_BPF", Fail),
    ("no rights", |f| f.capabilities = 0, "CAP_NET_ADMIN", Fail),
    ("rights without CAP_PERFMON", |f| f.capabilities = 1 << 39 | 1 << 12, "CAP_PERFMON", Warn),
    ("rights of a service", |f| f.capabilities = 1 << 39 | 1 << 38 | 1 << 12, "privileges", Ok),
    ("rights of root", |f| f.capabilities = 1 << 21 | 1 << 12, "privileges", Ok),
    ("locked memory bounded", |f| f.locked_bytes_max = Some(8 << 20), "locked memory", Ok),
    (
        "locked memory counted",
        |f| (f.locked_bytes_max, f.kernel) = (Some(8 << 20), "5.10.0".into()),
        "locked memory",
        Fail,
    ),
    ("few files", |f| f.files_max = Some(256), "open files", Warn),
    ("one processor for two shards", |f| f.processors = 1, "processors", Warn),
    ("device missing", |f| f.links[0].name = "ens3".to_owned(), "configuration", Fail),
    ("address missing", |f| f.links[0].addresses.clear(), "configuration", Fail),
    ("media among ephemeral ports", |f| f.ports.range = (1024, 65_535), "configuration", Fail),
    ("device down", |f| f.links[0].up = false, "eth0 state", Warn),
    ("no driver", |f| f.links[0].driver = None, "eth0 driver", Warn),
    ("unknown driver", |f| f.links[0].driver = Some("hyperjet".to_owned()), "eth0 driver", Warn),
    ("VLAN device", |f| driver(f, "802.1Q VLAN Support", 1500), "eth0 driver", Warn),
    ("VLAN device", on_vlan, "eth0 driver", Ok),
    ("VLAN device", on_vlan, "trunk VLAN tags", Ok),
    (
        "VLAN device, driver below without XDP",
        |f| below(f, |b| b.driver = Some("e1000e".into())),
        "trunk driver",
        Warn,
    ),
    ("tags taken off", |f| below(f, |b| b.strips_tags = Some(true)), "trunk VLAN tags", Warn),
    ("tags, driver does not say", |f| below(f, |b| b.strips_tags = None), "trunk VLAN tags", Ok),
    ("VLAN within a VLAN", |f| below(f, |b| b.vlan = vlan(1, Some(9), true)), "eth0 driver", Warn),
    (
        "VLAN of another namespace",
        |f| {
            on_vlan(f);
            f.links[0].vlan = vlan(5, None, true);
        },
        "eth0 driver",
        Warn,
    ),
    (
        "802.1ad",
        |f| {
            on_vlan(f);
            f.links[0].vlan = vlan(5, Some(3), false);
        },
        "eth0 driver",
        Warn,
    ),
    ("driver without XDP", |f| f.links[0].driver = Some("e1000e".to_owned()), "eth0 driver", Warn),
    ("jumbo frames, limit known", |f| driver(f, "ena", 9000), "eth0 MTU", Fail),
    ("at the limit", |f| driver(f, "virtio_net", 3506), "eth0 MTU", Ok),
    ("above the limit", |f| driver(f, "igc", 1501), "eth0 MTU", Fail),
    ("above the limit, in fragments", |f| driver(f, "veth", 9000), "eth0 MTU", Ok),
    (
        "above the limit, before fragments",
        |f| {
            driver(f, "virtio_net", 9000);
            f.kernel = "6.1.0-41-amd64".to_owned();
        },
        "eth0 MTU",
        Fail,
    ),
    ("no room before a frame", |f| driver(f, "gve", 1500), "eth0 driver trap", Warn),
    ("jumbo frames, limit unknown", |f| f.links[0].mtu = 9000, "eth0 MTU", Warn),
    ("merged in hardware", |f| f.links[0].lro = Some(true), "eth0 LRO", Warn),
    ("merging unknown", |f| f.links[0].lro = None, "eth0 LRO", Ok),
    ("program attached", |f| f.links[0].xdp = Attached::Native { program: 7 }, "eth0 XDP program", Warn),
    (
        "program behind the driver",
        |f| f.links[0].xdp = Attached::Generic { program: 7 },
        "eth0 XDP program",
        Warn,
    ),
    ("one queue", |f| f.links[0].channels = None, "eth0 queues", Warn),
    ("queues unused", |f| channels(f, 1, 8), "eth0 queues", Warn),
    ("far end of a veth", |f| driver(f, "veth", 1500), "eth0 driver trap", Warn),
    (
        "virtio without spare queues",
        |f| {
            driver(f, "virtio_net", 1500);
            channels(f, 2, 2)
        },
        "eth0 driver trap",
        Warn,
    ),
    (
        "ENA with all queues in use",
        |f| {
            driver(f, "ena", 1500);
            channels(f, 8, 8)
        },
        "eth0 driver trap",
        Fail,
    ),
];

#[test]
fn a_good_host_gets_no_complaint() {
    let findings = examine(&good(), Some(&config()));
    assert!(findings.iter().all(|finding| finding.verdict == Ok), "{findings:#?}");
    assert!(!fails(&findings));
}

#[test]
fn each_fact_has_its_verdict() {
    for (name, change, subject, want) in TABLE {
        let mut facts = good();
        change(&mut facts);
        let findings = examine(&facts, Some(&config()));
        let worst = findings
            .iter()
            .filter(|finding| finding.subject == *subject)
            .max_by_key(|finding| finding.verdict);
        let worst = worst.unwrap_or_else(|| panic!("{name}: nothing about {subject}"));
        assert_eq!(worst.verdict, *want, "{name}: {worst:?}");
        assert_eq!(worst.change.is_some(), *want != Ok, "{name}: what to change is said: {worst:?}");
        assert_eq!(fails(&findings), findings.iter().any(|finding| finding.verdict == Fail));
    }
}

#[test]
fn a_driver_without_xdp_is_as_bad_as_the_mode_makes_it() {
    for (mode, want) in [("native", Fail), ("auto", Warn), ("generic", Ok)] {
        let mut facts = good();
        driver(&mut facts, "e1000e", 1500);
        let text = format!("{TWO_REALMS}\n[xdp]\nmode = \"{mode}\"\n");
        let findings = examine(&facts, Some(&Config::parse(&text).unwrap()));
        let finding = findings.iter().find(|finding| finding.subject == "eth0 driver").unwrap();
        assert_eq!(finding.verdict, want, "{mode}: {finding:?}");
    }
}

#[test]
fn packets_that_are_merged_are_as_bad_as_the_mode_makes_them() {
    for (mode, want) in [("native", Fail), ("auto", Warn), ("generic", Warn), ("off", Fail)] {
        let mut facts = good();
        facts.links[0].lro = Some(true);
        let text = format!("{TWO_REALMS}\n[xdp]\nmode = \"{mode}\"\n");
        let findings = examine(&facts, Some(&Config::parse(&text).unwrap()));
        let finding = findings.iter().find(|finding| finding.subject == "eth0 LRO").unwrap();
        assert_eq!(finding.verdict, want, "{mode}: {finding:?}");
        assert!(finding.change.as_deref().is_some_and(|say| say.contains("lro off")), "{finding:?}");
    }
}

#[test]
fn closed_ports_that_only_xdp_would_keep_silent_come_with_the_rule_that_does() {
    for (lines, said) in [
        ("mode = \"off\"", true),
        ("mode = \"off\"\nclosed_ports = \"icmp\"", false),
        ("mode = \"auto\"", false),
    ] {
        let config = Config::parse(&format!("{TWO_REALMS}\n[xdp]\n{lines}\n")).unwrap();
        let findings = examine(&good(), Some(&config));
        let finding = findings.iter().find(|finding| finding.subject == "closed ports");
        assert_eq!(finding.map(|finding| finding.verdict), said.then_some(Warn), "{lines}: {finding:?}");
        let range = &config.policy.realms[0].media[0];
        let rule = format!("ip daddr {} udp dport {}-", range.address, range.ports.first());
        let names = |finding: &Finding| finding.change.as_deref().is_some_and(|say| say.contains(&rule));
        assert!(finding.is_none_or(names), "{finding:?}");
    }
}

#[test]
fn tags_that_are_taken_off_are_as_bad_as_the_mode_makes_them() {
    for (mode, want) in [("native", Some(Fail)), ("auto", Some(Warn)), ("generic", None), ("off", None)] {
        let mut facts = good();
        below(&mut facts, |below| below.strips_tags = Some(true));
        let text = format!("{TWO_REALMS}\n[xdp]\nmode = \"{mode}\"\n");
        let findings = examine(&facts, Some(&Config::parse(&text).unwrap()));
        let finding = findings.iter().find(|finding| finding.subject == "trunk VLAN tags");
        assert_eq!(finding.map(|finding| finding.verdict), want, "{mode}: {finding:?}");
        let says =
            |finding: &Finding| finding.change.as_deref().is_some_and(|say| say.contains("rxvlan off"));
        assert!(finding.is_none_or(says), "{finding:?}");
        assert_eq!(
            findings.iter().any(|finding| finding.subject == "trunk driver"),
            want.is_some(),
            "{mode}"
        );
    }
}

#[test]
fn a_device_without_vlans_may_take_off_what_tags_it_likes() {
    let mut facts = good();
    facts.links[0].strips_tags = Some(true);
    assert!(examine(&facts, Some(&config())).iter().all(|finding| finding.verdict == Ok));
}

/// The first realm is on VLAN 5 of a device that no realm names.
fn on_vlan(facts: &mut Facts) {
    driver(facts, "802.1Q VLAN Support", 1500);
    facts.links[0].vlan = vlan(5, Some(3), true);
    let trunk = Link { index: 3, name: "trunk".to_owned(), addresses: vec![], ..facts.links[1].clone() };
    facts.links.push(trunk);
}

fn below(facts: &mut Facts, change: fn(&mut Link)) {
    on_vlan(facts);
    change(&mut facts.links[2]);
}

#[expect(clippy::unnecessary_wraps, reason = "as a link has it")]
const fn vlan(vid: u16, below: Option<u32>, customer: bool) -> Option<Vlan> {
    Some(Vlan { vid, below, customer })
}

#[test]
fn spare_queues_satisfy_virtio_and_ena() {
    let traps = |driver_name: &str, used, most| {
        let mut facts = good();
        driver(&mut facts, driver_name, 1500);
        channels(&mut facts, used, most);
        examine(&facts, Some(&config())).into_iter().any(|finding| finding.subject == "eth0 driver trap")
    };
    assert!(!traps("virtio_net", 2, 4));
    assert!(!traps("ena", 4, 8));
}

#[test]
fn without_a_configuration_every_device_that_is_up_is_examined() {
    let mut facts = good();
    facts.links[1].up = false;
    facts.links.push(Link { name: "lo".to_owned(), up: true, ..Link::default() });
    let findings = examine(&facts, None);
    let about = |name: &str| findings.iter().any(|finding| finding.subject.starts_with(name));
    assert!(about("eth0 ") && !about("eth1 ") && !about("lo "));
    assert!(about("ephemeral ports"));
}

#[test]
fn a_report_reads_line_by_line() {
    let mut facts = good();
    facts.bpffs.clear();
    facts.links[0].lro = Some(true);
    channels(&mut facts, 1, 8);
    insta::assert_snapshot!(Report(&examine(&facts, Some(&config()))));
}

#[test]
fn json_has_the_verdict_in_small_letters() {
    let finding = Finding::fail("bpffs", "not mounted", "mount it");
    let json = serde_json::to_string(&finding).unwrap();
    assert_eq!(json, r#"{"verdict":"fail","subject":"bpffs","found":"not mounted","change":"mount it"}"#);
}

fn driver(facts: &mut Facts, name: &str, mtu: u32) {
    facts.links[0].driver = Some(name.to_owned());
    facts.links[0].mtu = mtu;
}

fn channels(facts: &mut Facts, used: u32, most: u32) {
    let channels = Channels { rx: used, rx_max: most, tx: used, tx_max: most, paired: true };
    facts.links[0].channels = Some(channels);
}

fn config() -> Config {
    Config::parse(TWO_REALMS).unwrap()
}

fn good() -> Facts {
    let link = |index, name: &str, address: &str| Link {
        index,
        name: name.to_owned(),
        up: true,
        mtu: 1500,
        rx_queues: 1,
        driver: Some("ice".to_owned()),
        channels: Some(Channels { rx: 2, rx_max: 8, tx: 2, tx_max: 8, paired: true }),
        lro: Some(false),
        strips_tags: Some(false),
        vlan: None,
        xdp: Attached::Nothing,
        addresses: vec![address.parse().unwrap()],
    };
    Facts {
        kernel: "6.12.9".to_owned(),
        btf: true,
        jit: Some(true),
        bpffs: vec!["/sys/fs/bpf".into()],
        capabilities: u64::MAX,
        locked_bytes_max: None,
        files_max: Some(20_000),
        processors: 2,
        ports: EphemeralPorts { range: (32_768, 60_999), reserved: vec![] },
        links: vec![link(1, "eth0", "203.0.113.10"), link(2, "eth1", "10.0.0.1")],
    }
}
