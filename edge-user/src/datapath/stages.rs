//! The programs behind the media program, and the pins that keep them there.
//!
//! The kernel empties an array of programs when the last descriptor and the last pin of it are gone, whoever still runs it:
//! so it is pinned, or a killed process would leave media without its stages. Each load has an array of its own, which
//! belongs to the program that jumps through it: a new program comes with its stages, at the moment that it takes over a
//! link, and what it replaces keeps its own until then.
//!
//! Invariant: an array that a pinned link's program may jump through stays pinned.

use std::path::{Path, PathBuf};

use aya::Ebpf;
use aya::maps::{MapData, MapInfo, ProgramArray};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{Xdp, loaded_programs};
use edge_ebpf::abi::{STAGES, Stage};

use super::DatapathError;
use super::pins::{Pins, map_error, remove_file};

/// Where the array of the next load is pinned. Arrays that a start before this one left and that nobody uses are gone
/// afterwards, so that starts that fail again and again leave no more than one each.
pub(super) fn next_pin(pins: &Pins) -> Result<PathBuf, DatapathError> {
    let there = pins.stages()?;
    if let Some(used) = used_maps(pins)? {
        for path in &there {
            if MapInfo::from_pin(path).is_ok_and(|map| !used.contains(&map.id())) {
                remove_file(path)?;
            }
        }
    }
    let last = there.iter().filter_map(|path| number(path)).max().unwrap_or(0);
    Ok(pins.stages_dir().join(format!("{}", last + 1)))
}

/// Loads every stage, and puts it where the media program jumps to. The array that comes back is to live until that
/// program is loaded, too.
pub(super) fn load(ebpf: &mut Ebpf) -> Result<ProgramArray<MapData>, DatapathError> {
    let failed = |source| map_error(STAGES, source);
    let array = ebpf.take_map(STAGES).ok_or(DatapathError::Object { name: STAGES })?;
    let mut array: ProgramArray<MapData> = array.try_into().map_err(failed)?;
    for stage in Stage::ALL {
        add(ebpf, &mut array, *stage)?;
    }
    Ok(array)
}

/// Loads one more stage, if it is not there yet.
pub(super) fn add(
    ebpf: &mut Ebpf,
    array: &mut ProgramArray<MapData>,
    stage: Stage,
) -> Result<(), DatapathError> {
    let name = stage.program();
    let program = ebpf.program_mut(name).ok_or(DatapathError::Object { name })?;
    let program: &mut Xdp = program.try_into()?;
    if program.fd().is_err() {
        program.load()?;
    }
    let fd = program.fd()?;
    array.set(stage.slot(), fd, 0).map_err(|source| map_error(STAGES, source))
}

/// Unpins all arrays but the one at `keep`, once every link has the program that jumps through that one.
pub(super) fn keep_only(pins: &Pins, keep: &Path) -> Result<(), DatapathError> {
    let others = pins.stages()?.into_iter().filter(|path| path != keep);
    others.map(|path| remove_file(&path)).fold(Ok(()), Result::and)
}

fn number(pin: &Path) -> Option<u64> {
    pin.file_name()?.to_str()?.parse().ok()
}

/// The maps of all programs that the pinned links hold; `None` when the kernel does not tell.
fn used_maps(pins: &Pins) -> Result<Option<Vec<u32>>, DatapathError> {
    let mut programs = Vec::new();
    for link in pins.links()? {
        let info = PinnedLink::from_pin(&link).and_then(|link| FdLink::from(link).info());
        // Of a link whose device is gone there is nothing to tell.
        let Ok(info) = info else { continue };
        programs.push(info.program_id());
    }
    let mut maps = Vec::new();
    for program in loaded_programs() {
        let Ok(program) = program else { return Ok(None) };
        if programs.contains(&program.id()) {
            let Ok(Some(ids)) = program.map_ids() else { return Ok(None) };
            maps.extend(ids);
        }
    }
    Ok(Some(maps))
}
