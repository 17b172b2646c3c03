//! The tap of a capture: what it changes about a frame (nothing), and what it keeps of one.

use edge_ebpf::abi::TAPPED_ARRIVAL;
use edge_ebpf::testing::{Case, cases, tagged_cases};
use edge_ebpf::verdict::Verdict;

use super::kernel::{Kernel, Ran};

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn every_case_is_kept_as_it_came_and_as_it_leaves() {
    let mut kernel = Kernel::load_behind_tap();
    let (mut kept, mut as_they_leave, mut with_a_tag) = (0, 0, 0);
    // Every third one with tags: all three ways between VLANs are among them.
    for case in cases().iter().chain(tagged_cases().iter().step_by(3)) {
        kernel.set(&case.scene);
        for (frame, verdict) in &case.before {
            assert_eq!(kernel.run(frame).counter, verdict.counter(), "{}", case.name);
        }
        kernel.tapped();
        for frame in &case.frames {
            let ran = kernel.run(frame);
            assert_eq!(ran.counter, case.verdict.counter(), "{}", case.name);
            let Some(left) = keeps(&mut kernel, case, frame, &ran) else { continue };
            kept += 1;
            as_they_leave += u32::from(!left.is_empty());
            with_a_tag += u32::from(left.get(12..14) == Some(&[0x81, 0]));
        }
    }
    // Of these a payload is still changed, or they do not leave.
    assert!(kept > 200 && as_they_leave > 80 && with_a_tag > 15, "{kept} {as_they_leave} {with_a_tag}");
}

/// The bytes that were kept of a watched frame as it leaves; empty when none were.
fn keeps(kernel: &mut Kernel, case: &Case, frame: &[u8], ran: &Ran) -> Option<Vec<u8>> {
    let tapped = kernel.tapped();
    let [(arrival, came), (decided, left)] = &tapped[..] else {
        assert!(tapped.is_empty(), "{}: {} entries", case.name, tapped.len());
        assert!(matches!(case.verdict, Verdict::Pass(_) | Verdict::Drop(_)), "{} is relayed", case.name);
        return None;
    };
    assert_eq!((*arrival, &came[..]), (TAPPED_ARRIVAL, frame), "{}", case.name);
    if !left.is_empty() {
        assert_eq!((*decided, left), (ran.counter, &ran.frame), "{}", case.name);
    }
    Some(left.clone())
}
