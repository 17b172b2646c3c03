//! The shield's tables in BPF maps, and the glue of its program.

use aya_ebpf::bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC};
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, LruHashMap};
use aya_ebpf::macros::btf_map;
use edge_ebpf::abi::{
    Address, CLASSES_LEN, Class, LISTED_MAX, LISTENERS_MAX, Listed, Listener, ListenerKey, STANDINGS_MAX,
    STRANGERS_MAX, ShieldSettings, Standing, Stranger, TRUST_KEY_LEN, TRUST_REALM_BITS, TRUSTED_MAX, Word,
    trust_key,
};
use edge_ebpf::shield::ShieldTables;

const SHARED: usize = BPF_F_MMAPABLE as usize;
/// An entry that is replaced stays as it was for who has just found it.
const BY_COPY: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
static SHIELD: Array<ShieldSettings, 1, SHARED> = Array::new();
#[btf_map]
static LISTENERS: HashMap<ListenerKey, Listener, { LISTENERS_MAX as usize }, BY_COPY> = HashMap::new();
#[btf_map]
static TRUSTED: LpmTrie<[u8; TRUST_KEY_LEN], u32, { TRUSTED_MAX as usize }> = LpmTrie::new();
#[btf_map]
static LISTED: LpmTrie<[u8; 16], Listed, { LISTED_MAX as usize }> = LpmTrie::new();
#[btf_map]
static STANDINGS: HashMap<Address, Standing, { STANDINGS_MAX as usize }, BY_COPY> = HashMap::new();
#[btf_map]
static STRANGERS: LruHashMap<Address, Stranger, { STRANGERS_MAX as usize }> = LruHashMap::new();
#[btf_map]
static CLASSES: Array<Word, CLASSES_LEN> = Array::new();

/// The maps as tables.
pub(crate) struct ShieldMaps;

impl ShieldTables for ShieldMaps {
    #[inline(always)]
    fn settings(&self) -> Option<&ShieldSettings> {
        SHIELD.get(0)
    }

    #[inline(always)]
    fn listener(&self, key: &ListenerKey) -> Option<Listener> {
        // SAFETY: entries are freed only after a grace period, which a program does not outlive.
        unsafe { LISTENERS.get(key) }.copied()
    }

    #[inline(always)]
    fn is_trusted(&self, realm: u32, source: Address) -> bool {
        TRUSTED.get(&Key::new(TRUST_REALM_BITS + Address::BITS, trust_key(realm, source))).is_some()
    }

    #[inline(always)]
    fn listed(&self, source: Address, bits: u32) -> Option<Listed> {
        LISTED.get(&Key::new(bits, source.to_v6())).copied()
    }

    #[inline(always)]
    fn standing(&self, host: Address) -> Option<Standing> {
        // SAFETY: as for `listener`.
        unsafe { STANDINGS.get(&host) }.copied()
    }

    #[inline(always)]
    fn stranger(&self, host: Address) -> Option<&Stranger> {
        // SAFETY: an entry that makes room for another is written by both for a moment: a packet that is counted at the
        // wrong host. Its memory stays the map's.
        if let Some(stranger) = unsafe { STRANGERS.get(&host) } {
            return Some(stranger);
        }
        STRANGERS.insert(&host, &Stranger::default(), 0).ok()?;
        // SAFETY: as above.
        unsafe { STRANGERS.get(&host) }
    }

    #[inline(always)]
    fn class(&self, class: Class) -> Option<&Word> {
        CLASSES.get(class as u32)
    }
}
