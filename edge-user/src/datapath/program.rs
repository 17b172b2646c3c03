//! The XDP program: loading it, and attaching it to devices through pinned links.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use aya::maps::{Array, Map, MapData, ProgramArray};
use aya::programs::links::{FdLink, LinkError, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpLinkId};
use aya::programs::{ProgramError, Xdp};
use aya::{Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use edge_ebpf::abi::{
    ABI_VERSION, DEVICES, DIGITS, ENDPOINTS, LATENCIES, MEDIA_ADDRESSES, MediaAddress, RTCP_PLACES, STAGES,
    STATES, STEADY, Stage, TAGS, VLANS, stamped,
};
use zerocopy::transmute;

use super::attached::{AttachMode, Attached};
use super::error::is_busy;
use super::layout::Layout;
use super::netlink::{Device, Netlink};
use super::pins::{PINNED_MAPS, Pins, map_error, remove_file};
use super::ports::{self, Below, Ports};
use super::{DatapathError, latency, stages, sys};

/// The compiled XDP program, an ELF object; empty when this crate was built without it.
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/edge-xdp.o"));

pub(super) const PROGRAM: &str = "edge_media";
const DIAGNOSTICS: &str = "DIAGNOSTICS";

/// About a second: the kernel's clean-up takes milliseconds, on a loaded machine some tens of them.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// The loaded program.
pub(super) struct Program {
    ebpf: Ebpf,
    /// What it jumps through, and where that is pinned.
    stages: (ProgramArray<MapData>, PathBuf),
    ports: Ports,
    diagnostics: bool,
}

impl Program {
    /// Loads the program with the pinned maps, and makes and pins those that are missing.
    pub(super) fn load(pins: &Pins, layout: &Layout, diagnostics: bool) -> Result<Self, DatapathError> {
        let mut program = Self::open(pins, layout, diagnostics)?;
        program.write_layout(layout)?;
        program.xdp(PROGRAM)?.load()?;
        Ok(program)
    }

    /// Loads a program for the place of one that runs on these pins, with stages of its own and more.
    pub(super) fn load_beside(
        pins: &Pins,
        layout: &Layout,
        ports: &Ports,
        name: &'static str,
        stages: &[Stage],
    ) -> Result<Self, DatapathError> {
        let mut program = Self::open(pins, layout, false)?;
        program.write_tags(ports)?;
        let Self { ebpf, stages: (array, _), .. } = &mut program;
        stages.iter().try_for_each(|stage| stages::add(ebpf, array, *stage))?;
        program.xdp(name)?.load()?;
        Ok(program)
    }

    /// The object with its maps and its stages.
    fn open(pins: &Pins, layout: &Layout, diagnostics: bool) -> Result<Self, DatapathError> {
        if OBJECT.is_empty() {
            return Err(DatapathError::NoProgram);
        }
        match stamped(OBJECT) {
            Some(ABI_VERSION) => {}
            found => return Err(DatapathError::OtherObject { found, ours: ABI_VERSION }),
        }
        sys::raise_memlock_limit();
        let flag = u8::from(diagnostics);
        let mut loader = EbpfLoader::new();
        for map in [ENDPOINTS, STATES, DIGITS, RTCP_PLACES, STEADY] {
            loader.map_max_entries(map, layout.endpoints());
        }
        loader.override_global(DIAGNOSTICS, &flag, true);
        for name in PINNED_MAPS {
            loader.map_pin_path(name, pins.map(name));
        }
        let pin = stages::next_pin(pins)?;
        loader.map_pin_path(STAGES, &pin);
        let mut ebpf = loader.load(OBJECT).map_err(Box::new)?;
        let stages = (stages::load(&mut ebpf)?, pin);
        Ok(Self { ebpf, stages, ports: Ports::default(), diagnostics })
    }

    /// Attaches the program to `devices`, replacing what an earlier run left in their links, and detaches it
    /// from devices that are no longer named; without a mode, as well as it can be.
    pub(super) fn attach(
        &mut self,
        pins: &Pins,
        devices: &[Device],
        mode: Option<AttachMode>,
    ) -> Result<(), DatapathError> {
        let below = ports::below(devices)?;
        match mode {
            Some(AttachMode::Native) => {
                self.attach_all(pins, ports::native(devices, &below)?, AttachMode::Native)?;
            }
            Some(AttachMode::Generic) => {
                let ports = Ports::new(AttachMode::Generic, devices, &below)?;
                self.attach_all(pins, ports, AttachMode::Generic)?;
            }
            None => self.attach_best(pins, devices, &below)?,
        }
        let (_, pin) = &self.stages;
        stages::keep_only(pins, pin)
    }

    /// Native on all devices, or generic on all: a native program cannot redirect to a device whose driver has no XDP.
    /// What an earlier run had is kept, so that its media has no gap.
    fn attach_best(&mut self, pins: &Pins, devices: &[Device], below: &[Below]) -> Result<(), DatapathError> {
        let mut netlink = Netlink::open()?;
        let generic = || Ports::new(AttachMode::Generic, devices, below);
        for device in devices.iter().filter(|device| pins.link(&device.name).exists()) {
            if netlink.xdp_mode(device.ifindex)? == Some(AttachMode::Generic) {
                return self.attach_all(pins, generic()?, AttachMode::Generic);
            }
        }
        match ports::native(devices, below).and_then(|ports| self.attach_all(pins, ports, AttachMode::Native))
        {
            Err(error) if !error.is_busy() => {
                tracing::warn!(
                    %error,
                    "XDP runs in GENERIC mode on every device: far slower than native; `edge doctor` tells why"
                );
                self.attach_all(pins, generic()?, AttachMode::Generic)
            }
            outcome => outcome,
        }
    }

    /// The tables of devices first: no packet may meet a program that knows other ways.
    fn attach_all(&mut self, pins: &Pins, ports: Ports, mode: AttachMode) -> Result<(), DatapathError> {
        self.write_tags(&ports)?;
        ports.write_devices(self.map(DEVICES)?)?;
        latency::make_rows(self.map(LATENCIES)?, &ports.programs)?;
        for link in pins.links()? {
            if ports.programs.iter().all(|device| pins.link(&device.name) != link) {
                tracing::warn!(link = %link.display(), "detached from a device that no realm needs any more");
                remove_file(&link)?;
            }
        }
        for device in &ports.programs {
            self.attach_device(&pins.link(&device.name), device, mode)?;
        }
        self.ports = ports;
        Ok(())
    }

    pub(super) const fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(super) fn attached(&self) -> &[Attached] {
        &self.ports.attached
    }

    /// Puts a program of this object into the links of `devices`, without a gap.
    pub(super) fn take_links(
        &mut self,
        name: &'static str,
        pins: &Pins,
        devices: &[Device],
    ) -> Result<(), DatapathError> {
        for device in devices {
            let device = &device.name;
            let link =
                PinnedLink::from_pin(pins.link(device)).map_err(|source| link_error(device, source))?;
            self.update(name, device, link)?;
        }
        Ok(())
    }

    /// Where its array of stages is pinned.
    pub(super) fn stages_pin(&self) -> &Path {
        &self.stages.1
    }

    /// The reader of what the program logs, when diagnostics are on. Only after loading: aya-log takes its map
    /// away from the object, and closes it when it is dropped.
    pub(super) fn take_logger(&mut self) -> Result<Option<EbpfLogger<&'static dyn log::Log>>, DatapathError> {
        if !self.diagnostics {
            return Ok(None);
        }
        Ok(Some(EbpfLogger::init(&mut self.ebpf)?))
    }

    pub(super) fn xdp(&mut self, name: &'static str) -> Result<&mut Xdp, DatapathError> {
        let program = self.ebpf.program_mut(name).ok_or(DatapathError::Object { name })?;
        Ok(program.try_into()?)
    }

    pub(super) fn map(&mut self, name: &'static str) -> Result<&mut Map, DatapathError> {
        self.ebpf.map_mut(name).ok_or(DatapathError::Object { name })
    }

    fn write_tags(&mut self, ports: &Ports) -> Result<(), DatapathError> {
        ports.write_vlans(self.map(VLANS)?)?;
        ports.write_tags(self.map(TAGS)?)
    }

    fn write_layout(&mut self, layout: &Layout) -> Result<(), DatapathError> {
        let failed = |source| map_error(MEDIA_ADDRESSES, source);
        let mut table: Array<_, [u8; size_of::<MediaAddress>()]> =
            self.map(MEDIA_ADDRESSES)?.try_into().map_err(failed)?;
        for (index, row) in (0..).zip(layout.rows()) {
            let bytes: [u8; size_of::<MediaAddress>()] = transmute!(*row);
            table.set(index, bytes, 0).map_err(failed)?;
        }
        Ok(())
    }

    fn attach_device(&mut self, pin: &Path, device: &Device, mode: AttachMode) -> Result<(), DatapathError> {
        if self.replace(pin, device, mode)? { Ok(()) } else { self.attach_new(pin, device, mode) }
    }

    /// Puts the program into the pinned link of an earlier run. `false` when there is none that will do: its
    /// device is gone, or it is attached in another mode than is wanted.
    fn replace(&mut self, pin: &Path, device: &Device, mode: AttachMode) -> Result<bool, DatapathError> {
        let Ok(link) = PinnedLink::from_pin(pin) else { return Ok(false) };
        let suits = Netlink::open()?.xdp_mode(device.ifindex)? == Some(mode);
        if suits && self.update(PROGRAM, &device.name, link).is_ok() {
            return Ok(true);
        }
        tracing::warn!(device = device.name, "the link of an earlier run does not serve: attaching anew");
        remove_file(pin)?;
        Ok(false)
    }

    /// Puts a program of this object into a pinned link, without a gap.
    fn update(&mut self, program: &'static str, device: &str, link: PinnedLink) -> Result<(), DatapathError> {
        let link = XdpLink::try_from(FdLink::from(link)).map_err(|source| link_error(device, source))?;
        let xdp = self.xdp(program)?;
        let id = xdp.attach_to_link(link)?;
        // The pin keeps the link; this handle would detach it when the program is dropped.
        drop(xdp.take_link(id)?);
        Ok(())
    }

    /// The kernel gives a device back a moment after the last handle of its link is closed, above all from generic mode:
    /// until then it says that the device is taken. Whoever else has a program there keeps it for longer than we wait.
    fn attach_when_free(&mut self, device: &Device, mode: AttachMode) -> Result<XdpLinkId, ProgramError> {
        let xdp: &mut Xdp = self.ebpf.program_mut(PROGRAM).ok_or(ProgramError::NotLoaded)?.try_into()?;
        for _ in 1..BUSY_TRIES {
            match xdp.attach_to_if_index(device.ifindex, mode.into()) {
                Err(error) if is_busy(&error) => thread::sleep(BUSY_PAUSE),
                outcome => return outcome,
            }
        }
        xdp.attach_to_if_index(device.ifindex, mode.into())
    }

    fn attach_new(&mut self, pin: &Path, device: &Device, mode: AttachMode) -> Result<(), DatapathError> {
        let id = self.attach_when_free(device, mode).map_err(|source| attach_error(device, mode, source))?;
        let link = self.xdp(PROGRAM)?.take_link(id)?;
        let link = FdLink::try_from(link).map_err(|source| link_error(&device.name, source))?;
        link.pin(pin)
            .map_err(|source| DatapathError::PinLink { path: pin.to_owned(), source: Box::new(source) })?;
        Ok(())
    }
}

fn link_error(device: &str, source: LinkError) -> DatapathError {
    DatapathError::Link { device: device.to_owned(), source: Box::new(source) }
}

fn attach_error(device: &Device, mode: AttachMode, source: ProgramError) -> DatapathError {
    let code =
        if let ProgramError::SyscallError(error) = &source { error.io_error.raw_os_error() } else { None };
    let hint = match code {
        Some(libc::EBUSY | libc::EEXIST) => {
            "; another XDP program is there: `ip link set dev <device> xdp off` removes it"
        }
        Some(libc::EOPNOTSUPP) => {
            "; its driver has no native XDP, or (virtio_net) its hypervisor hands over merged packets and does not let that be \
             switched off: use mode auto or generic"
        }
        // virtio_net says the latter.
        Some(libc::ERANGE | libc::EINVAL) => {
            "; its driver wants a smaller MTU for XDP: `edge doctor` tells which"
        }
        Some(libc::EPERM | libc::EACCES) => "; edge needs root, or CAP_BPF and CAP_NET_ADMIN",
        _ => "",
    };
    DatapathError::Attach { device: device.name.clone(), mode, source: Box::new(source), hint }
}
