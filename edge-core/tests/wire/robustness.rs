//! The properties over the seeds of the fuzz targets, over mutations of them, and over arbitrary bytes.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::{negotiation, properties};

/// Pieces that make a mutation meet the grammar in an interesting place.
const DICTIONARY: [&[u8]; 24] = [
    b"\r\n",
    b"\r\n ",
    b"\r",
    b"\n",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"?",
    b"%",
    b"%00",
    b"\0",
    b"[::1]",
    b"SIP/2.0",
    b"Via: ",
    b"Content-Length: 4294967296\r\n",
    b"m=audio 1 RTP/AVP 0\r\n",
    b"c=IN IP4 192.0.2.1\r\n",
    b"a=rtpmap:0 X/1\r\n",
];

#[test]
fn seeds_keep_the_properties() {
    for (folder, property) in TARGETS {
        let seeds = seeds(folder);
        assert!(!seeds.is_empty(), "no seeds for {folder}");
        seeds.iter().for_each(|seed| property(seed));
    }
}

#[test]
fn every_cut_of_a_seed_keeps_the_properties() {
    for (folder, property) in TARGETS {
        for seed in seeds(folder) {
            (0..seed.len()).for_each(|end| property(&seed[..end]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_keep_the_properties(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        TARGETS.iter().for_each(|(_, property)| property(&data));
    }

    #[test]
    fn mutated_messages_keep_the_properties(seed in any::<prop::sample::Index>(), edits in edits()) {
        let seeds = seeds("message");
        properties::message(&mutate(seed.get(&seeds).clone(), &edits));
    }

    #[test]
    fn mutated_uris_keep_the_properties(seed in any::<prop::sample::Index>(), edits in edits()) {
        let seeds = seeds("uri");
        properties::uri(&mutate(seed.get(&seeds).clone(), &edits));
    }

    #[test]
    fn mutated_descriptions_keep_the_properties(seed in any::<prop::sample::Index>(), edits in edits()) {
        let seeds = seeds("sdp");
        let mutated = mutate(seed.get(&seeds).clone(), &edits);
        properties::sdp(&mutated);
        negotiation::sdp(&mutated);
    }
}

type Property = fn(&[u8]);

const TARGETS: [(&str, Property); 5] = [
    ("message", properties::message),
    ("stream", properties::stream),
    ("uri", properties::uri),
    ("sdp", properties::sdp),
    ("sdp", negotiation::sdp),
];

#[derive(Debug, Clone)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, usize),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = any::<prop::sample::Index>;
    let edit = prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (place(), 0..DICTIONARY.len()).prop_map(|(at, word)| Edit::Insert(at, word)),
        (place(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (place(), 1..80_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ];
    proptest::collection::vec(edit, 1..6)
}

fn mutate(mut data: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if data.is_empty() {
            break;
        }
        match edit {
            Edit::Replace(at, byte) => *at.get_mut(&mut data) = *byte,
            Edit::Insert(at, word) => {
                let at = at.index(data.len());
                data.splice(at..at, DICTIONARY[*word].iter().copied());
            }
            Edit::Remove(at, length) => {
                let at = at.index(data.len());
                data.drain(at..data.len().min(at + length));
            }
            Edit::Repeat(at, length) => {
                let at = at.index(data.len());
                let part = data[at..data.len().min(at + length)].to_vec();
                data.splice(at..at, part);
            }
        }
    }
    data
}

fn seeds(folder: &str) -> Vec<Vec<u8>> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "tests", "fuzz", "seeds", folder].iter().collect();
    let mut paths: Vec<_> = fs::read_dir(path)
        .expect("the seeds are in the repository")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).expect("a readable seed")).collect()
}
