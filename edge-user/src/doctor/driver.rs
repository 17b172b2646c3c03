//! What is known of network drivers and XDP.
//!
//! MTU limits are those for programs without fragments, which edge's is.

/// One driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Driver {
    /// Its name, as `ethtool -i` shows it.
    name: &'static str,
    /// Whether it runs XDP programs itself.
    pub(super) native: bool,
    /// Largest MTU in bytes that it runs them with; `None` where the limit is not known.
    pub(super) mtu_max: Option<u32>,
}

const fn native(name: &'static str) -> Driver {
    Driver { name, native: true, mtu_max: None }
}

const fn native_up_to(name: &'static str, mtu_max: u32) -> Driver {
    Driver { name, native: true, mtu_max: Some(mtu_max) }
}

const fn generic(name: &'static str) -> Driver {
    Driver { name, native: false, mtu_max: None }
}

const DRIVERS: &[Driver] = &[
    native_up_to("ena", 3498),
    native_up_to("gve", 2032),
    native_up_to("igc", 1500),
    native_up_to("veth", 3520),
    native_up_to("virtio_net", 3506),
    native("bnxt_en"),
    native("bonding"),
    native("hv_netvsc"),
    native("i40e"),
    native("ice"),
    native("igb"),
    native("ixgbe"),
    native("mana"),
    native("mlx4_en"),
    native("mlx5_core"),
    native("mvneta"),
    native("mvpp2"),
    native("nfp"),
    native("qede"),
    native("sfc"),
    native("st_gmac"),
    native("tun"),
    native("vif"),
    native("vmxnet3"),
    generic("802.1Q VLAN Support"),
    generic("bridge"),
    generic("dummy"),
    generic("e1000"),
    generic("e1000e"),
    generic("ifb"),
    generic("macvlan"),
    generic("r8169"),
    generic("tg3"),
];

/// What is known of the driver called `name`.
pub(super) fn known(name: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|driver| driver.name == name)
}
