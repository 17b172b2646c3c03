//! Which calls have a record already: what a process asks that goes on with the calls of one that was killed between writing a
//! record and forgetting its call.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How far back is looked: more than the writer and the journal may have had on their way, at a kilobyte a record.
const LOOK_BACK: u64 = 64 << 20;

/// How a line begins.
const ID: &[u8] = b"{\"id\":\"";

/// Those of `ids` that have a record in the newest files of a node: today's, and the one before it.
///
/// # Errors
/// When a file cannot be read.
pub fn recorded(directory: &Path, node: &str, ids: &HashSet<String>) -> io::Result<HashSet<String>> {
    let mut found = HashSet::new();
    if ids.is_empty() {
        return Ok(found);
    }
    for file in newest_two(directory, node)? {
        let text = tail(&file)?;
        for line in text.split(|byte| *byte == b'\n') {
            let id = line.strip_prefix(ID).and_then(|rest| rest.split(|byte| *byte == b'"').next());
            let id = id.and_then(|id| std::str::from_utf8(id).ok());
            found.extend(id.filter(|id| ids.contains(*id)).map(str::to_owned));
        }
    }
    Ok(found)
}

fn newest_two(directory: &Path, node: &str) -> io::Result<Vec<PathBuf>> {
    let prefix = format!("{node}-");
    let of_node = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&prefix).is_some_and(|rest| rest.len() == "YYYY-MM-DD.jsonl".len())
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).filter(of_node).collect();
    files.sort();
    Ok(files.split_off(files.len().saturating_sub(2)))
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOOK_BACK)))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}
