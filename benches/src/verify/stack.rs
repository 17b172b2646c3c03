//! How deep into its stack a program reaches: a scan of its instructions (RFC 9669).
//!
//! What is below the frame pointer (r10) is named by constants: in loads and stores through r10 itself, and in additions
//! to a copy of it. A frame is as deep as the deepest of them; a program, as the deepest chain of calls. A copy is followed
//! within a straight run of instructions: compilers add to it at once. Frames count as older kernels (6.1) count them, in whole
//! 32 bytes, and one at least.

/// Octets of an instruction; a wide one (`lddw`) is two.
pub(super) const INSTRUCTION_OCTETS: usize = 8;

const FRAME_POINTER: usize = 10;
/// r10 and what may hold a copy of it.
const REGISTERS: usize = 11;
/// Calls spoil r0 to r5.
const SPOILED: usize = 6;
/// The kernel's own limit of frames; one program of ours has a few.
const FRAMES_MAX: u32 = 8;

const CLASS: u8 = 0x07;
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU: u8 = 0x04;
const ALU64: u8 = 0x07;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const LOAD_WIDE: u8 = 0x18;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const JUMP_FAR: u8 = 0x06;
const MOVE: u8 = 0xBF;
const ADD_CONSTANT: u8 = 0x07;
/// What a frame is rounded up to.
const FRAME_STEP: u32 = 32;
/// The source register of a call within the program.
const WITHIN: usize = 1;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u8,
    target: usize,
    source: usize,
    offset: i16,
    constant: i32,
}

impl Instruction {
    /// From the host's octets (little endian, as the programs are).
    pub(super) fn read([code, registers, o0, o1, c0, c1, c2, c3]: [u8; INSTRUCTION_OCTETS]) -> Self {
        Self {
            code,
            target: usize::from(registers & 0x0F),
            source: usize::from(registers >> 4),
            offset: i16::from_le_bytes([o0, o1]),
            constant: i32::from_le_bytes([c0, c1, c2, c3]),
        }
    }

    /// The instruction that a jump at `at` may go to.
    fn destination(self, at: usize) -> Option<usize> {
        let distance = match (self.code, self.code & CLASS) {
            (CALL | EXIT, _) => return None,
            (JUMP_FAR, _) => self.constant as isize,
            (_, JMP | JMP32) => self.offset.into(),
            _ => return None,
        };
        (at + 1).checked_add_signed(distance)
    }

    /// The instruction that a call at `at` within the program goes to. A program that was compiled to machine code has
    /// the distance in `offset` and the number of the function in `constant`.
    fn callee(self, at: usize) -> Option<usize> {
        if self.code != CALL || self.source != WITHIN {
            return None;
        }
        let distance = if self.offset == 0 { self.constant as isize } else { self.offset.into() };
        (at + 1).checked_add_signed(distance)
    }
}

/// Octets of stack, over the deepest chain of calls.
pub(super) fn depth(program: &[Instruction]) -> u32 {
    let mut starts: Vec<usize> =
        program.iter().enumerate().filter_map(|(at, instruction)| instruction.callee(at)).collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    chain(program, &starts, 0, FRAMES_MAX)
}

/// The function at `start`, and the deepest that it calls.
fn chain(program: &[Instruction], starts: &[usize], start: usize, frames: u32) -> u32 {
    let end = starts.iter().copied().find(|other| *other > start).unwrap_or(program.len());
    let Some(function) = program.get(start..end) else { return 0 };
    let callees = (start..).zip(function).filter_map(|(at, instruction)| instruction.callee(at));
    let below = match frames.checked_sub(1) {
        Some(left) => callees.map(|callee| chain(program, starts, callee, left)).max().unwrap_or(0),
        None => 0,
    };
    frame(function) + below
}

fn frame(function: &[Instruction]) -> u32 {
    let mut copies = Copies::default();
    let mut joins: Vec<usize> =
        function.iter().enumerate().filter_map(|(at, instruction)| instruction.destination(at)).collect();
    joins.sort_unstable();
    let mut deepest = 0;
    for (at, instruction) in function.iter().enumerate() {
        if joins.binary_search(&at).is_ok() {
            copies = Copies::default();
        }
        deepest = deepest.min(copies.follow(*instruction));
    }
    deepest.unsigned_abs().max(1).next_multiple_of(FRAME_STEP)
}

/// Which registers hold an address in the frame, as a distance to its pointer.
struct Copies([Option<i32>; REGISTERS]);

impl Default for Copies {
    fn default() -> Self {
        let mut copies = [None; REGISTERS];
        copies[FRAME_POINTER] = Some(0);
        Self(copies)
    }
}

impl Copies {
    /// The address in the frame that an instruction names, zero when none.
    fn follow(&mut self, instruction: Instruction) -> i32 {
        let Instruction { code, target, source, offset, constant } = instruction;
        let near = |copy: Option<i32>| copy.map_or(0, |distance| distance.saturating_add(offset.into()));
        let (held, from) = (self.of(target), self.of(source));
        match (code, code & CLASS) {
            (CALL, _) => self.0[..SPOILED].fill(None),
            (MOVE, _) if offset == 0 => self.hold(target, from),
            (ADD_CONSTANT, _) => {
                let sum = held.map(|distance| distance.saturating_add(constant));
                self.hold(target, sum);
                return sum.unwrap_or(0);
            }
            (_, ST | STX) => return near(held),
            (_, LDX) => {
                self.hold(target, None);
                return near(from);
            }
            (LOAD_WIDE, _) | (_, LD | ALU | ALU64) => self.hold(target, None),
            _ => {}
        }
        0
    }

    fn of(&self, register: usize) -> Option<i32> {
        self.0.get(register).copied().flatten()
    }

    /// The frame pointer itself cannot be written, and the second half of a wide load names no register.
    fn hold(&mut self, register: usize, copy: Option<i32>) {
        if register < FRAME_POINTER {
            self.0[register] = copy;
        }
    }
}

#[cfg(test)]
mod tests;
