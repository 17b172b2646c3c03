//! The loaded program and its maps, under `BPF_PROG_TEST_RUN`.

use aya::maps::{Array, DevMap, HashMap, Map, MapData, PerCpuArray, ProgramArray, RingBuf};
use aya::programs::xdp::XdpMode;
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use edge_ebpf::abi;
use edge_ebpf::testing::zerocopy::{FromBytes, transmute};
use edge_ebpf::testing::{FAR, NEAR, Scene, Tally};
use edge_ebpf::verdict::{Egress, Verdict};

/// Endpoints of a scene.
pub(crate) const ENDPOINTS: u32 = 20;

const PROGRAM: &str = "edge_media";
const TAP_PROGRAM: &str = "edge_tap";
const LOOPBACK: u32 = 1;
const STATE_LEN: usize = size_of::<abi::EndpointState>();

/// The program, not attached to anything.
pub(crate) struct Kernel {
    ebpf: Ebpf,
    /// The programs behind it; the kernel forgets them with the last descriptor.
    stages: ProgramArray<MapData>,
    /// The one that frames come to first.
    first: &'static str,
}

/// What one run of the program did.
pub(crate) struct Ran {
    /// The XDP action.
    pub(crate) action: u32,
    /// The one counter that rose.
    pub(crate) counter: u32,
    /// The frame afterwards.
    pub(crate) frame: Vec<u8>,
}

impl Kernel {
    /// # Panics
    /// When the object is not there, or the verifier refuses it.
    pub(crate) fn load() -> Self {
        let object = edge_user::datapath::OBJECT;
        assert!(
            !object.is_empty(),
            "built without the eBPF object: run `cargo xtask build`, then build the tests"
        );
        let mut ebpf = EbpfLoader::new()
            .map_max_entries(abi::ENDPOINTS, ENDPOINTS)
            .map_max_entries(abi::STATES, ENDPOINTS)
            .map_max_entries(abi::DIGITS, ENDPOINTS)
            .map_max_entries(abi::RTCP_PLACES, ENDPOINTS)
            .map_max_entries(abi::STEADY, ENDPOINTS)
            .load(object)
            .expect("the object loads");
        let stages = ebpf.take_map(abi::STAGES).expect("the object has the map");
        let mut stages: ProgramArray<_> = stages.try_into().expect("an array of programs");
        program(&mut ebpf, PROGRAM).load().expect("the verifier accepts the program");
        for stage in abi::Stage::ALL {
            let behind = program(&mut ebpf, stage.program());
            behind.load().expect("the verifier accepts the stage");
            stages.set(stage.slot(), behind.fd().expect("it is loaded"), 0).expect("the slot exists");
        }
        let mut kernel = Self { ebpf, stages, first: PROGRAM };
        // Under test_run nothing is sent; the slots only have to hold some device.
        let mut devices: DevMap<_> = kernel.map(abi::DEVICES).try_into().expect("a devmap");
        for slot in 0..2 {
            devices.set(slot, LOOPBACK, None, 0).expect("loopback exists");
        }
        kernel
    }

    /// The same with the tap of a capture before it, on every endpoint of a scene.
    pub(crate) fn load_behind_tap() -> Self {
        let mut kernel = Self::load();
        for stage in abi::Stage::TAPPED {
            let behind = program(&mut kernel.ebpf, stage.program());
            behind.load().expect("the verifier accepts the stage");
            kernel.stages.set(stage.slot(), behind.fd().expect("it is loaded"), 0).expect("the slot exists");
        }
        kernel.first = TAP_PROGRAM;
        program(&mut kernel.ebpf, TAP_PROGRAM).load().expect("the verifier accepts the tap");
        let mut watched: HashMap<_, u32, u32> = kernel.map(abi::WATCHED).try_into().expect("a hash map");
        for endpoint in [NEAR, FAR] {
            watched.insert(endpoint, 1, 0).expect("there is room");
        }
        kernel
    }

    /// What the tap has kept since this was asked last: counter and bytes.
    pub(crate) fn tapped(&mut self) -> Vec<(u32, Vec<u8>)> {
        let mut ring: RingBuf<_> = self.map(abi::TAP).try_into().expect("a ring buffer");
        let mut tapped = Vec::new();
        while let Some(item) = ring.next() {
            let (frame, _) = abi::TappedFrame::ref_from_prefix(&item).expect("the length is right");
            let kept = frame.bytes.len().min(frame.len as usize);
            tapped.push((frame.counter, frame.bytes[..kept].to_vec()));
        }
        tapped
    }

    /// Attaches the program to devices of this namespace, in their driver; the first ones of the devmap.
    pub(crate) fn attach(&mut self, devices: &[u32]) {
        let mut slots: DevMap<_> = self.map(abi::DEVICES).try_into().expect("a devmap");
        for (slot, device) in (0..).zip(devices) {
            slots.set(slot, *device, None, 0).expect("the device exists");
        }
        for device in devices {
            let attached = program(&mut self.ebpf, PROGRAM).attach_to_if_index(*device, XdpMode::Driver);
            attached.expect("a veth takes the program");
        }
    }

    /// Fills the maps as the scene says, and clears all state.
    pub(crate) fn set(&mut self, scene: &Scene) {
        let mut addresses: Array<_, [u8; size_of::<abi::MediaAddress>()]> =
            self.map(abi::MEDIA_ADDRESSES).try_into().expect("an array");
        for (index, row) in (0..).zip(&scene.media_addresses) {
            let bytes: [u8; size_of::<abi::MediaAddress>()] = transmute!(*row);
            addresses.set(index, bytes, 0).expect("the row exists");
        }
        let mut endpoints: Array<_, [u8; size_of::<abi::EndpointSlot>()]> =
            self.map(abi::ENDPOINTS).try_into().expect("an array");
        for index in 0..ENDPOINTS {
            let bytes: [u8; size_of::<abi::EndpointSlot>()] = transmute!(scene.slot(index));
            endpoints.set(index, bytes, 0).expect("the endpoint exists");
        }
        let mut states: Array<_, [u8; STATE_LEN]> = self.map(abi::STATES).try_into().expect("an array");
        for index in 0..ENDPOINTS {
            states.set(index, [0; STATE_LEN], 0).expect("the state exists");
        }
        let mut places: Array<_, [u8; size_of::<abi::RtcpPlaces>()]> =
            self.map(abi::RTCP_PLACES).try_into().expect("an array");
        for index in 0..ENDPOINTS {
            let bytes: [u8; size_of::<abi::RtcpPlaces>()] = transmute!(scene.rtcp_places(index));
            places.set(index, bytes, 0).expect("the endpoint exists");
        }
        let mut digits: Array<_, [u8; size_of::<abi::DigitSlot>()]> =
            self.map(abi::DIGITS).try_into().expect("an array");
        for index in 0..ENDPOINTS {
            let bytes: [u8; size_of::<abi::DigitSlot>()] = transmute!(scene.digit_slot(index));
            digits.set(index, bytes, 0).expect("the endpoint exists");
        }
        let mut steady: Array<_, [u8; size_of::<abi::SteadySlot>()]> =
            self.map(abi::STEADY).try_into().expect("an array");
        for index in 0..ENDPOINTS {
            let bytes: [u8; size_of::<abi::SteadySlot>()] = transmute!(scene.steady_slot(index));
            steady.set(index, bytes, 0).expect("the endpoint exists");
        }
        let mut next_hops: Array<_, [u8; size_of::<abi::NextHopSlot>()]> =
            self.map(abi::NEXT_HOPS).try_into().expect("an array");
        for (row, _) in (0..).zip(&scene.next_hops) {
            let bytes: [u8; size_of::<abi::NextHopSlot>()] = transmute!(scene.next_hop_slot(row));
            next_hops.set(row, bytes, 0).expect("the row exists");
        }
        self.set_vlans(scene);
        let mut profiles: Array<_, [u8; size_of::<abi::ProfileSlot>()]> =
            self.map(abi::PROFILES).try_into().expect("an array");
        for (row, _) in (0..).zip(&scene.profiles) {
            let bytes: [u8; size_of::<abi::ProfileSlot>()] = transmute!(scene.profile_slot(row));
            profiles.set(row, bytes, 0).expect("the row exists");
        }
    }

    /// Networks behind a tag; those of the scene before are forgotten.
    fn set_vlans(&mut self, scene: &Scene) {
        let mut vlans: HashMap<_, [u8; size_of::<abi::VlanKey>()], u32> =
            self.map(abi::VLANS).try_into().expect("a hash map");
        let former: Vec<_> = vlans.keys().collect::<Result<_, _>>().expect("the keys can be read");
        for key in former {
            vlans.remove(&key).expect("the key is there");
        }
        for (key, ifindex) in &scene.vlans {
            let key: [u8; size_of::<abi::VlanKey>()] = transmute!(*key);
            vlans.insert(key, ifindex, 0).expect("there is room");
        }
        let mut tags: Array<_, [u8; size_of::<abi::EgressTag>()]> =
            self.map(abi::TAGS).try_into().expect("an array");
        for slot in 0..tags.len() {
            let tag = scene.tags.iter().find(|(found, _)| *found == slot).map(|(_, tag)| *tag);
            let bytes: [u8; size_of::<abi::EgressTag>()] = transmute!(tag.unwrap_or_default());
            tags.set(slot, bytes, 0).expect("the slot exists");
        }
    }

    /// Runs the program over one frame of at least 14 bytes.
    ///
    /// # Panics
    /// When not exactly one counter rises by one.
    pub(crate) fn run(&mut self, frame: &[u8]) -> Ran {
        let before = self.counters();
        let mut out = vec![0; frame.len() + 64];
        let options =
            TestRunOptions { data_in: Some(frame), data_out: Some(&mut out), ..TestRunOptions::default() };
        let result = program(&mut self.ebpf, self.first).test_run(options).expect("the program runs");
        out.truncate(usize::try_from(result.data_size_out).expect("a frame length"));
        let after = self.counters();
        let rises =
            (0..).zip(before.iter().zip(&after)).map(|(index, (before, after))| (index, after - before));
        let rises: Vec<(u32, u64)> = rises.filter(|(_, rise)| *rise != 0).collect();
        assert!(matches!(rises[..], [(_, 1)]), "one packet, one count: {rises:?}");
        Ran { action: result.return_value, counter: rises[0].0, frame: out }
    }

    /// What an endpoint has counted.
    pub(crate) fn tally(&mut self, index: u32) -> Tally {
        Tally::from(&self.state(index))
    }

    /// All that an endpoint has counted.
    pub(crate) fn state(&mut self, index: u32) -> abi::EndpointState {
        let states: Array<_, [u8; STATE_LEN]> = self.map(abi::STATES).try_into().expect("an array");
        let bytes = states.get(&index, 0).expect("the state exists");
        abi::EndpointState::read_from_bytes(&bytes).expect("the length is right")
    }

    /// What userspace was told of digits since this was asked last: event and ticks.
    pub(crate) fn told(&mut self) -> Vec<(u8, u16)> {
        let mut ring: RingBuf<_> = self.map(abi::DIGITS_TOLD).try_into().expect("a ring buffer");
        let mut told = Vec::new();
        while let Some(item) = ring.next() {
            let digit = abi::DigitTold::read_from_bytes(&item).expect("the length is right");
            told.push((digit.event, digit.duration_ticks));
        }
        told
    }

    /// Counters that have risen, and how far.
    pub(crate) fn counted(&mut self) -> Vec<(u32, u64)> {
        (0..).zip(self.counters()).filter(|(_, packets)| *packets > 0).collect()
    }

    fn counters(&mut self) -> Vec<u64> {
        let counters: PerCpuArray<_, u64> = self.map(abi::COUNTERS).try_into().expect("a per-CPU array");
        counters.iter().map(|cpus| cpus.expect("the counter exists").iter().sum()).collect()
    }

    pub(crate) fn map(&mut self, name: &str) -> &mut Map {
        self.ebpf.map_mut(name).expect("the object has the map")
    }
}

/// The XDP action that carries out a verdict.
pub(crate) const fn action(verdict: Verdict) -> u32 {
    const DROP: u32 = 1;
    const PASS: u32 = 2;
    const TX: u32 = 3;
    const REDIRECT: u32 = 4;
    match verdict {
        Verdict::Pass(_) => PASS,
        Verdict::Drop(_) => DROP,
        Verdict::Relay(path) => match path.egress {
            Egress::SameDevice => TX,
            Egress::Device(_) => REDIRECT,
        },
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut Xdp {
    ebpf.program_mut(name).expect("the object has the program").try_into().expect("an XDP program")
}
