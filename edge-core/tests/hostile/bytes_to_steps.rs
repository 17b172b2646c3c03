//! Steps of the hostile trunk from any bytes, for the fuzz target `edge`; its seeds are replayed here.

use super::{METHODS, Step, TIMERS, live_through};

/// Steps of one run; longer ones find nothing that short ones do not.
const STEPS_MAX: usize = 64;

const CODES: [u16; 16] = [100, 180, 183, 200, 200, 200, 202, 302, 401, 408, 422, 481, 487, 491, 503, 603];

/// Reads `data` as steps, six bytes each, and lives through them.
pub(crate) fn any_steps(data: &[u8]) {
    live_through(data.chunks_exact(6).take(STEPS_MAX).map(step));
}

fn step(bytes: &[u8]) -> Step {
    let [kind, a, b, c, d, e] = <[u8; 6]>::try_from(bytes).expect("six bytes");
    let (pick, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let at = |list: usize, of: u8| usize::from(of) % list;
    match kind % 8 {
        0 => Step::Invite { side: at(2, a), number: b % 6, with_offer: c % 2 == 0 },
        1 | 2 => Step::Answer {
            pick,
            code: CODES[at(CODES.len(), c)],
            with_sdp: d % 2 == 0,
            timer: at(TIMERS.len(), e),
        },
        3 | 4 => Step::InDialog { pick, method: at(METHODS.len(), c), sequence: u32::from(d % 8) + 1 },
        5 => Step::Echo { pick },
        6 => Step::Mutated { pick, at: second, to: e },
        _ => Step::Wait { ms: u32::from(pick) * 2 },
    }
}

#[test]
fn seeds_of_the_fuzzer_leave_nothing_behind() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds/edge");
    let seeds: Vec<_> = std::fs::read_dir(path).expect("the seeds are in the repository").collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        any_steps(&std::fs::read(seed.expect("an entry").path()).expect("a readable seed"));
    }
}
