//! Frames that the kernel makes itself and treats as if a device had received them (`BPF_F_TEST_XDP_LIVE_FRAMES`).

use anyhow::Result;
use aya::programs::{ProgramError, TestRun, TestRunAttrs, TestRunOptions, Xdp};

/// Runs `program` for copies of `frame` that the device `index` seems to have received, `batch` of them at a time. A signal to
/// the calling thread ends it before its time. One call costs 60 ms, however few frames there are.
///
/// # Errors
/// When the kernel refuses.
pub fn frames(program: &Xdp, index: u32, frame: &[u8], count: u32, batch: u32) -> Result<()> {
    let outcome = program.test_run(TestRunOptions {
        data_in: Some(frame),
        ctx_in: Some(&context(index, u32::try_from(frame.len())?)),
        repeat: count,
        attrs: TestRunAttrs::new().xdp_live_frames(batch),
        ..TestRunOptions::default()
    });
    match outcome {
        Ok(_) => Ok(()),
        Err(ProgramError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::EINTR) => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// `struct xdp_md`: data, `data_end`, `data_meta`, `ingress_ifindex`, `rx_queue_index`, `egress_ifindex`.
fn context(index: u32, length: u32) -> Vec<u8> {
    [0, length, 0, index, 0, 0].map(u32::to_ne_bytes).concat()
}
