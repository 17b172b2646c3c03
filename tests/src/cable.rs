//! Devices of this machine in the place of veth pairs: whoever runs drills names them by their link-layer addresses. They come
//! back to the first namespace by themselves when the lab's namespaces go.
//!
//! One lab at a time has them, so such drills run one after the other.

use std::env;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::lab::Side;
use crate::namespace::{Namespace, checked, ip};

/// Four addresses: edge's end and the peer's of the carrier's cable, then of the PBX's.
const VARIABLE: &str = "EDGE_LAB_DEVICES";

/// The kernel takes a namespace down a while after its name is gone.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The addresses of both ends of the cable between `side` and edge: edge's, and the peer's.
pub(crate) fn given(side: Side) -> Result<Option<[String; 2]>> {
    let Some(list) = env::var_os(VARIABLE) else { return Ok(None) };
    let list = list.into_string().ok().with_context(|| format!("{VARIABLE} is not text"))?;
    let stations: Vec<&str> = list.split_whitespace().collect();
    ensure!(stations.len() == 4, "{VARIABLE} names {} devices, and a lab has 4", stations.len());
    let ends = match side {
        Side::Carrier => &stations[..2],
        Side::Pbx => &stations[2..],
    };
    Ok(Some([ends[0].to_owned(), ends[1].to_owned()]))
}

/// Moves the device with this address into `namespace`, where it is called `name`.
pub(crate) fn plug(station: &str, namespace: &Namespace, name: &str) -> Result<()> {
    let device = awaited(station)?;
    ip(&["link", "set", &device, "down"])?;
    ip(&["link", "set", &device, "netns", namespace.name()])?;
    if device != name {
        namespace.ip(&["link", "set", &device, "name", name])?;
    }
    Ok(())
}

fn awaited(station: &str) -> Result<String> {
    for _ in 0..LOOKS {
        let links = checked(Command::new("ip").args(["-oneline", "link", "show"]))?;
        if let Some(device) = holder(&links, station) {
            return Ok(device.to_owned());
        }
        thread::sleep(PAUSE);
    }
    bail!("no device of this namespace has the address {station}")
}

/// The name of who has the address, in what `ip -oneline link` says.
fn holder<'a>(links: &'a str, station: &str) -> Option<&'a str> {
    let line = links.lines().find(|line| line.contains(&format!("link/ether {station} ")))?;
    line.split(": ").nth(1)
}

#[cfg(test)]
mod tests {
    use super::holder;

    #[test]
    fn a_device_is_found_by_its_address() {
        let links = "1: lo: <LOOPBACK> mtu 65536 qdisc noop \\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n\
                     2: eth0: <BROADCAST> mtu 1500 \\    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff\n";
        assert_eq!(holder(links, "52:54:00:00:01:01"), Some("eth0"));
        assert_eq!(holder(links, "52:54:00:00:01:02"), None);
    }
}
