//! The kernel that this runs on, and the oldest that takes edge's XDP programs.

/// First kernel that takes XDP programs for frames in fragments (`BPF_F_XDP_HAS_FRAGS`), as edge's are, and has
/// `bpf_xdp_load_bytes`.
pub(crate) const OLDEST: (u32, u32) = (5, 18);

/// The oldest that edge is tried on: Debian 12's.
pub(crate) const OLDEST_TRIED: (u32, u32) = (6, 1);

/// What kernels before [`OLDEST`] have not.
pub(crate) const LACKED: &str = "XDP programs for frames in fragments (BPF_F_XDP_HAS_FRAGS)";

/// The first two numbers of a release.
pub(crate) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Whether the number of a release says nothing of its BPF: RHEL 9 has that of much newer kernels under 5.14.
pub(crate) fn is_of_rhel(release: &str) -> bool {
    release.contains(".el9")
}

/// Whether a kernel of this release is too old for edge's XDP programs, as far as its number tells.
pub(crate) fn is_too_old(release: &str) -> bool {
    !is_of_rhel(release) && version(release).is_some_and(|version| version < OLDEST)
}
