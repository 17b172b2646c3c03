//! Instructions as an assembler writes them, and what they need.

use super::{Instruction, depth};

fn program(instructions: &[[u8; 8]]) -> u32 {
    depth(&instructions.iter().map(|octets| Instruction::read(*octets)).collect::<Vec<_>>())
}

/// `*(u64 *)(r10 - n) = r1`.
fn store(octets: u8) -> [u8; 8] {
    let [low, high] = (-i16::from(octets)).to_le_bytes();
    [0x7B, 0x1A, low, high, 0, 0, 0, 0]
}

/// `r2 = r10`.
const COPY: [u8; 8] = [0xBF, 0xA2, 0, 0, 0, 0, 0, 0];
/// `r0 = *(u64 *)(r10 - 24)`.
const LOAD: [u8; 8] = [0x79, 0xA0, 0xE8, 0xFF, 0, 0, 0, 0];
/// `r2 = 0 ll`, the first half.
const WIDE: [u8; 8] = [0x18, 0x02, 0, 0, 0, 0, 0, 0];
const SECOND_HALF: [u8; 8] = [0; 8];
const CALL_HELPER: [u8; 8] = [0x85, 0, 0, 0, 1, 0, 0, 0];
/// `goto` over one instruction.
const JUMP: [u8; 8] = [0x05, 0, 1, 0, 0, 0, 0, 0];
const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

/// `r2 += -n`.
fn add(octets: u8) -> [u8; 8] {
    let [c0, c1, c2, c3] = (-i32::from(octets)).to_le_bytes();
    [0x07, 0x02, 0, 0, c0, c1, c2, c3]
}

/// A call within the program, as a compiled one has it.
fn call(distance: u8) -> [u8; 8] {
    [0x85, 0x10, distance, 0, 1, 0, 0, 0]
}

#[test]
fn a_frame_is_as_deep_as_the_deepest_that_it_names_in_whole_steps() {
    let table: [(&str, &[[u8; 8]], u32); 9] = [
        ("nothing", &[EXIT], 32),
        ("stores", &[store(8), store(40), store(16), EXIT], 64),
        ("a load", &[LOAD, EXIT], 32),
        ("a copy", &[COPY, add(80), CALL_HELPER, EXIT], 96),
        ("a copy, in two steps", &[COPY, add(48), add(16), EXIT], 64),
        ("no copy any more after a wide load", &[COPY, WIDE, SECOND_HALF, add(48), EXIT], 32),
        ("no copy any more after a call", &[COPY, CALL_HELPER, add(48), EXIT], 32),
        ("no copy any more where ways meet", &[COPY, add(48), JUMP, EXIT, add(96), EXIT], 64),
        ("a copy of nothing", &[add(48), EXIT], 32),
    ];
    for (name, instructions, octets) in table {
        assert_eq!(program(instructions), octets, "{name}");
    }
}

#[test]
fn a_program_is_as_deep_as_its_deepest_chain() {
    // main (40) calls first (16), which calls second (64); main calls second too.
    let main = [store(40), call(2), call(4), EXIT];
    let first = [store(16), call(1), EXIT];
    let second = [store(64), EXIT];
    assert_eq!(program(&[&main[..], &first, &second].concat()), 64 + 32 + 64);
}

#[test]
fn a_program_that_calls_itself_ends() {
    assert_eq!(program(&[store(8), [0x85, 0x10, 0xFE, 0xFF, 1, 0, 0, 0], EXIT]), 32 * 9);
}
