use std::net::SocketAddr;

use edge_core::policy::Transport;

use super::*;

#[test]
fn the_servers_of_the_host_are_read_as_the_c_library_reads_them() {
    let text = "# nameserver 192.0.2.1\nsearch example.net\nnameserver 192.0.2.2\n  nameserver\t2001:db8::53 \n\
                nameserver somewhere\noptions ndots:2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
    let expected: Vec<SocketAddr> =
        ["192.0.2.2:53", "[2001:db8::53]:53", "192.0.2.3:53"].iter().map(|s| s.parse().unwrap()).collect();
    assert_eq!(servers::parse(text), expected);
}

#[test]
fn how_a_name_stands_follows_from_what_was_found_out() {
    let targets = || Ok(Targets::one("192.0.2.1:5060".parse().unwrap(), Transport::Udp));
    let lost = Name::Lost;
    for (before, leads, after) in [
        (Name::New, targets(), Name::Known),
        (Name::New, Err(Nowhere::Failed), lost(Nowhere::Failed)),
        (Name::New, Err(Nowhere::NoRecords), lost(Nowhere::NoRecords)),
        (Name::Known, targets(), Name::Known),
        (Name::Known, Err(Nowhere::Failed), Name::Old),
        (Name::Known, Err(Nowhere::Declined), lost(Nowhere::Declined)),
        (Name::Old, Err(Nowhere::Failed), Name::Old),
        (Name::Old, targets(), Name::Known),
        (Name::Old, Err(Nowhere::NoRecords), lost(Nowhere::NoRecords)),
        (lost(Nowhere::NoRecords), Err(Nowhere::Failed), lost(Nowhere::Failed)),
        (lost(Nowhere::Failed), targets(), Name::Known),
    ] {
        let mut name = before.clone();
        name.became("c.example", &leads);
        assert_eq!(name, after, "{before:?} with {leads:?}");
    }
}
