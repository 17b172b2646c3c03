//! What the SIP shield looks things up in.
//!
//! | map | key | value | written by |
//! |---|---|---|---|
//! | [`SHIELD`] | 0 | [`ShieldSettings`] | userspace |
//! | [`LISTENERS`] | [`ListenerKey`] | [`Listener`] | userspace, at start |
//! | [`TRUSTED`] | [`trust_key`], by prefix | nothing | userspace, with each policy |
//! | [`LISTED`] | an address, by prefix | [`Listed`] | userspace: what the operator lets in or out |
//! | [`STANDINGS`] | a host ([`Address::host`]) | [`Standing`] | userspace: what hosts have earned |
//! | [`STRANGERS`] | a host | [`Stranger`] | the kernel, for hosts of which nothing else is known |
//! | [`CLASSES`] | [`Class`] | a bucket | the kernel |
//!
//! Times are nanoseconds of `CLOCK_MONOTONIC`; they mean nothing after a reboot, and neither does bpffs live so long.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Address, Word};

/// Name of the map with one [`ShieldSettings`].
pub const SHIELD: &str = "SHIELD";
/// Name of the map of [`Listener`]s.
pub const LISTENERS: &str = "LISTENERS";
/// Name of the trie of trunks' sources.
pub const TRUSTED: &str = "TRUSTED";
/// Name of the trie of [`Listed`] addresses.
pub const LISTED: &str = "LISTED";
/// Name of the map of [`Standing`]s.
pub const STANDINGS: &str = "STANDINGS";
/// Name of the map of [`Stranger`]s.
pub const STRANGERS: &str = "STRANGERS";
/// Name of the map of buckets by [`Class`].
pub const CLASSES: &str = "CLASSES";

/// Entries of [`LISTENERS`]: each listener has one, and its address another.
pub const LISTENERS_MAX: u32 = 4096;
/// Entries of [`TRUSTED`]: as many as trunks may be in a file, with a few sources each.
pub const TRUSTED_MAX: u32 = 1 << 18;
/// Entries of [`LISTED`]: an operator writes them one by one.
pub const LISTED_MAX: u32 = 4096;
/// Entries of [`STANDINGS`]; bans make room by going before their time.
pub const STANDINGS_MAX: u32 = 1 << 16;
/// Entries of [`STRANGERS`]: more hosts than are let through in a minute. The longest unseen one makes room.
pub const STRANGERS_MAX: u32 = 1 << 16;

/// Mode: nothing is looked at.
pub const MODE_OFF: u64 = 0;
/// Mode: what would be dropped is counted, and passes.
pub const MODE_SHADOW: u64 = 1;
/// Mode: in force.
pub const MODE_ON: u64 = 2;

/// Strangers are limited: each and all together.
pub const UNKNOWN_LIMIT: u64 = 0;
/// Strangers are dropped, but where who comes proves who it is: by a certificate, or by a password.
pub const UNKNOWN_DROP: u64 = 1;
/// Strangers pass, unless they are banned.
pub const UNKNOWN_PASS: u64 = 2;

/// What strangers send, told apart by its first bytes: each kind has a bucket of its own, so that a flood of one starves no
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Class {
    /// INVITE.
    Invite = 0,
    /// REGISTER.
    Register = 1,
    /// OPTIONS.
    Options = 2,
    /// Any other request.
    Request = 3,
    /// Line ends, to keep a NAT open (RFC 5626).
    Keepalive = 4,
    /// A connection that begins.
    Connection = 5,
    /// Anything else of a connection.
    Segment = 6,
    /// A later fragment, which may be for anybody at the address.
    Fragment = 7,
}

/// Number of [`Class`]es.
pub const CLASSES_LEN: usize = 8;

/// A rate: one unit each `interval_ns`, and as many at once as `burst_ns` has intervals. All zero has no bound.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(FromBytes, IntoBytes))]
#[repr(C)]
pub struct Rate {
    /// Between two units.
    pub interval_ns: Word,
    /// Units that may come at once, times the interval.
    pub burst_ns: Word,
}

/// What the operator decided. All zero is off.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(FromBytes, IntoBytes))]
#[repr(C)]
pub struct ShieldSettings {
    /// [`MODE_OFF`] and the others.
    pub mode: Word,
    /// [`UNKNOWN_LIMIT`] and the others.
    pub unknown: Word,
    /// Messages of one stranger.
    pub source: Rate,
    /// Messages of all strangers together, by [`Class`].
    pub classes: [Rate; CLASSES_LEN],
    /// How long a stranger that has shown a scanner's signature is dropped.
    pub scanner_ns: Word,
}

const _: () = assert!(size_of::<ShieldSettings>() == 8 * (2 + 2 + 2 * CLASSES_LEN + 1));

/// An address and port that the edge listens on for SIP. With port and protocol 0: an address that has such a port, for
/// packets that do not show theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListenerKey {
    /// Where packets go to.
    pub ip: Address,
    /// The interface that they come in through.
    pub ifindex: u32,
    /// The port, or 0.
    pub port: u16,
    /// Protocol number of IP, or 0.
    pub protocol: u8,
    /// 0.
    pub reserved: u8,
}

const _: () = assert!(size_of::<ListenerKey>() == 24);

/// What is known of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Listener {
    /// Number of its realm, part of [`trust_key`].
    pub realm: u32,
    /// [`LISTENER_CERTIFICATES`] and [`LISTENER_PASSWORDS`], or nothing.
    pub flags: u32,
}

/// Flag: who comes shows by a certificate who it is, so anybody may begin.
pub const LISTENER_CERTIFICATES: u32 = 1;

/// Flag: who comes from where [`visited`] says proves by a password who it is, so it may begin, over datagrams too.
pub const LISTENER_PASSWORDS: u32 = 2;

/// The number under which [`TRUSTED`] has from where peers may come to a realm that prove by a password who they are. Nothing of
/// theirs is believed for that.
#[inline(always)]
#[must_use]
pub const fn visited(realm: u32) -> u32 {
    realm | 1 << 31
}

/// Bytes of a key of [`TRUSTED`].
pub const TRUST_KEY_LEN: usize = 20;

/// Bits of a key of [`TRUSTED`] before the address.
pub const TRUST_REALM_BITS: u32 = 32;

/// The key of a trunk's source: an address is believed in its realm only.
#[inline(always)]
#[must_use]
pub const fn trust_key(realm: u32, source: Address) -> [u8; TRUST_KEY_LEN] {
    let [r0, r1, r2, r3] = realm.to_be_bytes();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = source.to_v6();
    [r0, r1, r2, r3, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// What the operator has decided about a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Listed {
    /// Until when; 0 for ever.
    pub until_ns: u64,
    /// [`LIST_ALLOW`] or [`LIST_DENY`].
    pub decision: u32,
    /// Bits of the prefix: a look-up with fewer finds what holds when this does no more.
    pub prefix: u32,
}

/// It passes.
pub const LIST_ALLOW: u32 = 1;
/// It is dropped, even where it is a trunk's.
pub const LIST_DENY: u32 = 2;

impl Listed {
    /// Whether it still holds.
    #[inline(always)]
    #[must_use]
    pub const fn holds(&self, now_ns: u64) -> bool {
        self.until_ns == 0 || self.until_ns > now_ns
    }
}

/// What a host has earned by what it did. Times that have passed mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Standing {
    /// A trunk has proven itself from there. Its connections pass; what datagrams say of their source proves nothing.
    pub familiar_until_ns: u64,
    /// Nothing of it is taken.
    pub banned_until_ns: u64,
    /// No datagram of it is taken. Their source can be forged, so they must not keep its connections out.
    pub datagrams_banned_until_ns: u64,
}

/// A host of which nothing is known but what it sends.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(FromBytes, IntoBytes))]
#[repr(C)]
pub struct Stranger {
    /// When its bucket is full again.
    pub full_at_ns: Word,
    /// Until when it counts as a scanner.
    pub scanner_until_ns: Word,
}
