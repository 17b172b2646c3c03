//! The kernel's own translation of addresses, with a connection tracked for each call.

use anyhow::Result;
use edge_tests::{Lab, Side};

/// Has the middle namespace send what comes from one peer to the other one, as if it came from itself. Ports stay.
pub(super) fn translate(lab: &Lab) -> Result<()> {
    lab.edge().sysctl("net/ipv4/ip_forward", "1")?;
    let [carrier, pbx] =
        Side::BOTH.map(|side| (side.edge_device(), side.edge_address(), side.peer_address()));
    let ((outside, own_outside, carrier), (inside, own_inside, pbx)) = (carrier, pbx);
    let rules = format!(
        "table ip media {{\n\
         chain from {{\n type nat hook prerouting priority dstnat;\n\
         iifname {outside} ip daddr {own_outside} udp dport 10000-65535 dnat to {pbx};\n\
         iifname {inside} ip daddr {own_inside} udp dport 10000-65535 dnat to {carrier};\n}}\n\
         chain to {{\n type nat hook postrouting priority srcnat;\n\
         oifname {inside} ip daddr {pbx} snat to {own_inside};\n\
         oifname {outside} ip daddr {carrier} snat to {own_outside};\n}}\n}}\n"
    );
    let file = lab.directory().join("media.nft");
    std::fs::write(&file, rules)?;
    lab.edge().command("nft", &["-f", &file.display().to_string()])?;
    Ok(())
}
