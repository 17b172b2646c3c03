//! The program put in place, replaced, and taken away, on real devices.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use edge_core::policy::PortRange;
use edge_ebpf::abi::ABI_VERSION;
use edge_tests::drill::wait_until_detached;
use edge_tests::lab::{Lab, Side};
use edge_user::datapath::{
    AttachMode, CounterKind, Datapath, DatapathError, DatapathSettings, MediaHost, Mode, read_counters,
};

use super::live::{
    LOCAL_PORT, NODE, PEER_PORT, exchange, install, peer, plan, realm, send_until, settings, start, start_in,
};

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn media_outlives_the_process_and_a_restart_has_no_gap() -> Result<()> {
    Lab::drill(|lab| {
        let first = start(lab)?;
        let _running = first.writer()?.install(&plan(PEER_PORT, PEER_PORT))?;
        drop(first);
        let stages = stages(lab)?;
        ensure!(stages.len() == 1, "the programs behind it are pinned once: {stages:?}");
        let (carrier, pbx) = (peer(lab, Side::Carrier, PEER_PORT)?, peer(lab, Side::Pbx, PEER_PORT)?);
        for sequence in 0..100 {
            exchange(&carrier, Side::Carrier, &pbx, Side::Pbx, sequence).context("with nobody at home")?;
        }
        let seen = media_seen(lab)?;
        let (sent, done) = (AtomicU64::new(0), AtomicBool::new(false));
        let second = thread::scope(|scope| -> Result<Datapath> {
            scope.spawn(|| send_until(&carrier, Side::Carrier, &sent, || done.load(Ordering::Relaxed)));
            let second = start(lab);
            done.store(true, Ordering::Relaxed);
            second
        })?;
        let sent = sent.into_inner();
        ensure!(sent > 100, "packets came while the program was replaced: {sent}");
        ensure!(second.remove_others(&HashSet::new()) == 2, "nobody knows the old call");
        ensure!(media_seen(lab)? - seen == sent, "the program saw every packet while it was replaced");
        let replaced = self::stages(lab)?;
        ensure!(
            replaced.len() == 1 && replaced != stages,
            "a new program has stages of its own: {replaced:?}"
        );
        second.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn changed_media_ranges_end_the_media_of_the_old_ones() -> Result<()> {
    Lab::drill(|lab| {
        let first = start(lab)?;
        let _running = first.writer()?.install(&plan(PEER_PORT, PEER_PORT))?;
        drop(first);
        let mut realms = Side::BOTH.map(realm);
        realms[0].media[0].ports = PortRange::new(LOCAL_PORT - 100, LOCAL_PORT + 99)?;
        let second = lab.edge().run(|| Datapath::start(&settings(lab, Mode::Native), &realms))??;
        ensure!(second.remove_others(&HashSet::new()) == 0, "the maps are new");
        let mut writer = second.writer()?;
        let installed = install(&second, &mut writer)?;
        let (carrier, pbx) = (peer(lab, Side::Carrier, PEER_PORT)?, peer(lab, Side::Pbx, PEER_PORT)?);
        exchange(&carrier, Side::Carrier, &pbx, Side::Pbx, 0)?;
        exchange(&pbx, Side::Pbx, &carrier, Side::Carrier, 0)?;
        let _ = writer.remove(installed);
        second.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn shutdown_leaves_nothing() -> Result<()> {
    Lab::drill(|lab| {
        start(lab)?.shutdown()?;
        ensure!(fs::read_dir(lab.bpffs().join("pins"))?.next().is_none(), "pins are left");
        wait_until_detached(lab)?;
        let gone = read_counters(&lab.bpffs().join("pins"), NODE, Path::new("/nowhere"));
        ensure!(matches!(gone, Err(DatapathError::NotPinned { .. })), "{gone:?}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn a_failed_start_leaves_nothing() -> Result<()> {
    Lab::drill(|lab| {
        lab.edge().ip(&["link", "set", Side::Pbx.edge_device(), "name", "renamed"])?;
        let refused = start(lab);
        let error = refused.as_ref().map_err(|error| error.downcast_ref());
        ensure!(matches!(error, Err(Some(DatapathError::NoDevice { .. }))), "{refused:?}");
        let left = fs::read_dir(lab.bpffs().join("pins")).map_or(0, Iterator::count);
        ensure!(left == 0, "pins are left");
        wait_until_detached(lab)
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn a_device_that_another_program_holds_is_refused() -> Result<()> {
    Lab::drill(|lab| {
        let first = start(lab)?;
        let settings = DatapathSettings { node: "second".to_owned(), ..settings(lab, Mode::Auto) };
        let second = lab.edge().run(|| Datapath::start(&settings, &Side::BOTH.map(realm)))?;
        let said = second.as_ref().map_err(ToString::to_string);
        ensure!(matches!(&said, Err(error) if error.contains("another XDP program")), "{said:?}");
        first.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn another_version_is_not_touched() -> Result<()> {
    Lab::drill(|lab| {
        let foreign = lab.bpffs().join("pins/edge_lab/v99");
        fs::create_dir_all(&foreign)?;
        let refused = start(lab);
        ensure!(
            matches!(
                refused.as_ref().map_err(|error| error.downcast_ref()),
                Err(Some(DatapathError::ForeignVersion { .. }))
            ),
            "{refused:?}"
        );
        ensure!(foreign.exists() && !lab.edge().command("ip", &["link"])?.contains("xdp"));
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn generic_mode_relays_and_gives_way_to_native() -> Result<()> {
    Lab::drill(|lab| {
        let generic = start_in(lab, Mode::Generic)?;
        ensure!(
            generic.attached().iter().all(|attached| attached.mode == MediaHost::Xdp(AttachMode::Generic))
        );
        let mut writer = generic.writer()?;
        let installed = install(&generic, &mut writer)?;
        let (carrier, pbx) = (peer(lab, Side::Carrier, PEER_PORT)?, peer(lab, Side::Pbx, PEER_PORT)?);
        for sequence in 0..20 {
            exchange(&carrier, Side::Carrier, &pbx, Side::Pbx, sequence)?;
        }
        let _ = writer.remove(installed);
        drop((generic, writer));
        let native = start_in(lab, Mode::Native)?;
        ensure!(native.attached().iter().all(|attached| attached.mode == MediaHost::Xdp(AttachMode::Native)));
        native.shutdown()?;
        Ok(())
    })
}

/// Names of the pinned arrays of programs behind the media program.
fn stages(lab: &Lab) -> Result<Vec<OsString>> {
    let version = format!("pins/{}/v{ABI_VERSION}/stages", NODE.replace('.', "_"));
    let pins = fs::read_dir(lab.bpffs().join(version))?;
    Ok(pins.map(|pin| pin.map(|pin| pin.file_name())).collect::<Result<_, _>>()?)
}

/// Packets for media ports that the program decided about: relayed or dropped.
fn media_seen(lab: &Lab) -> Result<u64> {
    let pins: &Path = &lab.bpffs().join("pins");
    let counters = read_counters(pins, NODE, Path::new("/nowhere"))?;
    let of_media = |kind| matches!(kind, CounterKind::Relay | CounterKind::Drop);
    let media = counters.iter().filter(|counter| of_media(counter.kind));
    Ok(media.map(|counter| counter.packets).sum())
}
