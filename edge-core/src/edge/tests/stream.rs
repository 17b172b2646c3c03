//! Trunks over TCP: what our messages say of it, and what a failed connection means for a call.

use bytes::Bytes;

use super::{Bench, invite, request};
use crate::call::CallRecord;
use crate::policy::{Host, Listener, ListenerId, RealmId, Transport};
use crate::transaction::Path;
use crate::{Command, Input};

const PBX: &str = "10.0.0.20:5060";

/// A bench whose PBX is reached over TCP, from the second listener of its realm.
fn bench() -> Bench {
    Bench::with_realms(
        |trunks, _| {
            let host = Host::Address { address: PBX.parse().unwrap(), transport: Transport::Tcp };
            trunks[1] = trunks[1].clone().at(host);
        },
        |realms| {
            let address = "10.0.0.1:5062".parse().unwrap();
            realms[1].sip.push(Listener { transport: Transport::Tcp, address });
        },
    )
}

fn connection(peer: &str) -> Path {
    let listener = ListenerId { realm: RealmId::new(1), index: 1, transport: Transport::Tcp };
    Path { listener, peer: peer.parse().unwrap(), proven: None }
}

fn take(bench: &mut Bench, input: Input) -> (Vec<(Path, String)>, Vec<CallRecord>) {
    bench.edge.handle(input, bench.now);
    let (mut sent, mut records) = (Vec::new(), Vec::new());
    while let Some(command) = bench.edge.poll() {
        match command {
            Command::Send { path, bytes } => sent.push((path, String::from_utf8(bytes.to_vec()).unwrap())),
            Command::WriteRecord(record) => records.push(*record),
            Command::RemoveMedia { call } => {
                bench.edge.handle(Input::MediaRemoved { call, reports: Default::default() }, bench.now);
            }
            Command::InstallMedia { .. }
            | Command::UpdateMedia { .. }
            | Command::CheckMedia { .. }
            | Command::PlayTone { .. }
            | Command::StopTone { .. }
            | Command::Journal { .. }
            | Command::Forget { .. }
            | Command::Judge { .. }
            | Command::SendDigit { .. }
            | Command::WithdrawDigit { .. }
            | Command::ListenTo { .. }
            | Command::Drained => {}
        }
    }
    (sent, records)
}

#[test]
fn our_messages_name_tcp_and_the_listener_of_it() {
    let mut bench = bench();
    let (sent, _) = bench.receive("192.0.2.10:5060", &invite(1));
    let (_, out) = sent.iter().find(|(peer, _)| *peer == PBX.parse().unwrap()).unwrap();
    assert!(out.contains("Via: SIP/2.0/TCP 10.0.0.1:5062;"), "{out}");
    assert!(out.contains("Contact: <sip:10.0.0.1:5062;transport=tcp>"), "{out}");
}

#[test]
fn a_call_fails_at_once_when_the_called_side_takes_no_connection() {
    let mut bench = bench();
    bench.receive("192.0.2.10:5060", &invite(1));
    let (sent, records) = take(&mut bench, Input::SendFailed { path: connection(PBX) });
    assert!(sent.iter().any(|(_, text)| text.starts_with("SIP/2.0 408 ")), "{sent:?}");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].cause, crate::call::Cause::Unreachable);
    let (sent, records) = take(&mut bench, Input::SendFailed { path: connection(PBX) });
    assert_eq!((sent.len(), records.len()), (0, 0), "what has ended fails no more");
}

#[test]
fn a_request_on_a_stream_without_content_length_hears_400_over_its_connection() {
    let mut bench = bench();
    let whole = request("OPTIONS", "sip:10.0.0.1", 1, "", "");
    let bytes = Bytes::from(whole.replace("Content-Length: 0\r\n", ""));
    let path = connection("10.0.0.20:40000");
    let (sent, _) = take(&mut bench, Input::Received { path, bytes });
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, path);
    assert!(sent[0].1.starts_with("SIP/2.0 400 Missing Content-Length\r\n"), "{}", sent[0].1);
    let (sent, _) = take(&mut bench, Input::Received { path, bytes: Bytes::from(whole) });
    assert!(sent[0].1.starts_with("SIP/2.0 200 "), "{}", sent[0].1);
}
