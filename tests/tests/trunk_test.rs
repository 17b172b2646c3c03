//! `edge trunk test`, against peers that answer, and each way in which one does not.

use std::net::UdpSocket;
use std::process::Command;

use anyhow::{Result, ensure};
use edge_tests::certificates::Certificates;
use edge_tests::dns::{DNS_ADDRESS, DnsServer};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::ask;
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::Registrar;
use edge_tests::peers::registrar::{PASSWORD, write_password};
use edge_tests::process::{Process, wait_until};
use edge_tests::sipp::{SIP_PORT, TLS_PORT};
use edge_tests::{EdgeConfig, EdgeProcess, Sipp, scenario};

fn test(lab: &Lab, side: Side) -> Result<String> {
    ask(lab, &["trunk", "test", side.name()])
}

/// Tests a trunk that something is wrong with, and fails unless that is said.
fn complains(lab: &Lab, side: Side, words: &[&str]) -> Result<()> {
    let said = test(lab, side).err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(words.iter().all(|words| said.contains(words)), "{words:?} is not in {said:?}");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_answers_is_good_and_a_closed_port_and_silence_are_told_apart() -> Result<()> {
    let config = EdgeConfig::default().section("[timers]\ntry_next = \"1s\"");
    with_edge(config, |lab, edge| {
        let answers = Sipp::called(Side::Pbx, scenario!("answers-options")).start(lab)?;
        let good = test(lab, Side::Pbx)?;
        ensure!(good.contains("OPTIONS: 200 OK in ") && good.contains("trunk pbx: good"), "{good}");
        answers.wait_for_success(PATIENCE)?;
        complains(lab, Side::Pbx, &["10.0.0.20:5060 over UDP: ICMP says unreachable"])?;
        let silent = (Side::Pbx.peer_address(), SIP_PORT);
        let _silent = lab.peer(Side::Pbx).run(move || UdpSocket::bind(silent))??;
        complains(lab, Side::Pbx, &["no answer in 1.0 s from 10.0.0.20:5060 over UDP"])?;
        let nobody = ask(lab, &["trunk", "test", "nobody"]).expect_err("no such trunk").to_string();
        ensure!(nobody.contains("no trunk nobody"), "{nobody}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_name_is_shown_with_its_records_and_an_unknown_one_is_said() -> Result<()> {
    Lab::drill(|lab| {
        let records = [
            "naptr-record=pbx.example,10,10,s,SIP+D2U,,_sip._udp.pbx.example",
            "srv-host=_sip._udp.pbx.example,live.example,5060,10,1",
        ];
        let _dns = DnsServer::start(lab, &records, &[("live.example", Side::Pbx.peer_address())])?;
        let config =
            EdgeConfig::default().named(Side::Pbx, "pbx.example").named(Side::Carrier, "gone.example");
        let edge =
            EdgeProcess::start(lab, &config.section(&format!("[dns]\nservers = [\"{DNS_ADDRESS}\"]")))?;
        let answers = Sipp::called(Side::Pbx, scenario!("answers-options")).start(lab)?;
        let good = test(lab, Side::Pbx)?;
        for words in [
            "pbx.example NAPTR 10 10 \"s\" \"SIP+D2U\" _sip._udp.pbx.example.",
            "_sip._udp.pbx.example SRV 10 1 5060 live.example.",
            "live.example A 10.0.0.20",
            "DNS leads to udp:10.0.0.20:5060",
            "trunk pbx: good",
        ] {
            ensure!(good.contains(words), "no {words:?} in {good}");
        }
        answers.wait_for_success(PATIENCE)?;
        complains(lab, Side::Carrier, &["DNS: no such name: gone.example", "no address is known"])?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_wrong_password_is_said_for_whom_and_the_right_one_registers() -> Result<()> {
    let config = EdgeConfig::default().registering(Side::Carrier, "retry = \"1h\", retry_max = \"1h\"");
    Lab::drill(|lab| {
        write_password(lab, "wrong")?;
        let _kamailio = Registrar::of(Side::Carrier, "SHA-256").start(lab)?;
        let edge = EdgeProcess::start(lab, &config)?;
        complains(lab, Side::Carrier, &["registering as acct42@", "401", "password"])?;
        write_password(lab, PASSWORD)?;
        edge.reload(&config.toml(lab))?;
        let registered = wait_until(PATIENCE, || {
            test(lab, Side::Carrier).ok().filter(|said| said.contains("registration: registered"))
        });
        ensure!(registered.is_some(), "{:?}", test(lab, Side::Carrier));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_certificate_for_somebody_else_is_shown_and_refused() -> Result<()> {
    let side = Side::Carrier;
    with_edge(EdgeConfig::default().over_tls(side), |lab, edge| {
        complains(lab, side, &["no connection to 203.0.113.10:5061 over TLS", "refused"])?;
        let certificates = Certificates::of(lab);
        certificates.issue_to_stranger("other", "not.carrier.example", &certificates.believed()?)?;
        let [certificate, key] = certificates.of_holder("other");
        let mut command = Command::new("openssl");
        let address = format!("{}:{TLS_PORT}", side.peer_address());
        command.args(["s_server", "-quiet", "-accept", &address]);
        command.arg("-cert").arg(certificate).arg("-key").arg(key);
        let _server = Process::start(command, lab.peer(side), &lab.directory().join("s_server"))?;
        let wrong = "its certificate is for not.carrier.example, and trunk carrier is carrier.example";
        let said = || test(lab, side).err().map(|error| format!("{error:#}")).unwrap_or_default();
        let found = wait_until(PATIENCE, || Some(said()).filter(|said| said.contains(wrong)));
        ensure!(found.is_some_and(|said| said.contains("until 2090-01-01")), "{}", said());
        edge.stop()
    })
}
