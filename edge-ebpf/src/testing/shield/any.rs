//! Any packets for any scene, from any bytes: what a fuzzer plays with, and what must hold whatever it makes.

use alloc::vec::Vec;

use super::super::scene::INGRESS;
use super::super::{BytesFrame, Packet};
use super::{
    MemoryShield, NOW_NS, SIP_PORT, SIPS_PORT, STRANGER, ShieldScene, TRUNK, from_stranger, segment,
};
use crate::abi::{LIST_ALLOW, LIST_DENY};
use crate::shield::{ShieldDrop, ShieldPass, ShieldVerdict, shield};

/// Frames of one run; more only repeat.
const FRAMES_MAX: usize = 16;

/// Decides about the frames that `data` makes in the scene that it makes: two bytes for the scene, then for each frame
/// its kind, its length and what is in it.
///
/// # Panics
/// When something does not hold that must.
pub fn any_shield(data: &[u8]) {
    let Some(([kinds, bits], mut rest)) = data.split_first_chunk() else { return };
    let decision = [0, LIST_ALLOW, LIST_DENY, u32::from(*bits)][usize::from(kinds >> 4 & 3)];
    let mut scene = ShieldScene::guarded().listing(
        [203, 0, 113, 0],
        u32::from(bits % 33),
        decision,
        u64::from(*bits) * 16,
    );
    (scene.mode, scene.unknown) = (u64::from(kinds & 3), u64::from(kinds >> 2 & 3));
    let denied = scene.listed.iter().any(|(_, listed)| listed.decision == LIST_DENY && listed.holds(NOW_NS));
    let tables = MemoryShield::from(&scene);
    for _ in 0..FRAMES_MAX {
        let Some(([kind, len], after)) = rest.split_first_chunk() else { return };
        let (content, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let bytes = frame(*kind, content);
        let decided = BytesFrame { bytes: bytes.clone(), ifindex: INGRESS, headroom: 0, arrival_ns: NOW_NS };
        let verdict = shield(&decided, &tables);
        assert_eq!(decided.bytes, bytes, "a frame is only looked at");
        let trunk = kind & 1 == 1 && kind >> 4 == 0;
        if trunk && scene.mode != 0 && !denied {
            let pass = matches!(verdict, ShieldVerdict::Pass(ShieldPass::Trusted | ShieldPass::Allowed));
            assert!(pass, "a trunk waits for strangers: {verdict:?}");
        }
        let spared = matches!(verdict, ShieldVerdict::Spare(_));
        assert!(!spared || scene.mode == 1, "only a shadow spares");
        assert!(denied || verdict != ShieldVerdict::Drop(ShieldDrop::Denied), "nobody was denied");
    }
}

/// A packet of a trunk or of a stranger, whole or with bytes changed; or nothing but bytes.
fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let source = if kind & 1 == 1 { TRUNK } else { STRANGER };
    let packet: Packet = match kind >> 1 & 3 {
        0 | 1 => from_stranger(content.to_vec()).with(|packet| packet.source.0 = source),
        2 => segment(
            source,
            if kind & 8 == 0 { SIP_PORT } else { SIPS_PORT },
            content.first().copied().unwrap_or(0),
        ),
        _ => from_stranger(content.to_vec())
            .with(|packet| (packet.source.0, packet.fragment) = (source, 0x2000)),
    };
    let mut bytes = packet.build();
    match kind >> 4 {
        0 => {}
        15 => return content.to_vec(),
        changes => {
            for (position, byte) in
                content.chunks_exact(2).take(usize::from(changes)).map(|pair| (pair[0], pair[1]))
            {
                let at = usize::from(position) % bytes.len();
                bytes[at] = byte;
            }
        }
    }
    bytes
}
