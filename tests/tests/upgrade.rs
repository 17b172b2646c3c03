//! Another edge takes the place of one that runs, or has died, in whatever state that left the datapath.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::{ask, pins, wait_for_cdrs};
use edge_tests::exchange::{Exchange, Step};
use edge_tests::lab::Lab;
use edge_tests::process::wait_until;
use edge_tests::traffic::{self, Media};
use edge_tests::{EdgeConfig, EdgeProcess};

const CALLS: u32 = 20;
/// Packets of all calls in half a second.
const SOME: u64 = CALLS as u64 * 50;

/// The array of programs of each load that is pinned.
fn stages(lab: &Lab) -> Result<Vec<PathBuf>> {
    let mut pins = pins(lab)?;
    pins.retain(|pin| pin.parent().is_some_and(|directory| directory.ends_with("stages")));
    Ok(pins)
}

/// The id of one of the calls.
fn any_call(lab: &Lab) -> Result<String> {
    let calls: Vec<serde_json::Value> = serde_json::from_str(&ask(lab, &["call", "list", "--json"])?)?;
    Ok(calls.first().and_then(|call| call["id"].as_str()).context("no call stands")?.to_owned())
}

/// A capture of a call is under way when edge ends, as `end` says; another one follows.
fn ended_while_it_captures(end: impl FnOnce(EdgeProcess<'_>) -> Result<()>) -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let mut exchange = Exchange::begin(lab, CALLS, traffic::port)?;
        let media = Media::begin(lab, &exchange.stand()?)?;
        edge.wait_for_count("journal_written", CALLS.into(), PATIENCE)?;
        let (call, file) = (any_call(lab)?, lab.directory().join("call.pcapng"));
        let path = file.display().to_string();
        thread::scope(|scope| {
            let capture = ["capture", "--call", &call, "--seconds", "60", "-w", &path];
            let captured = scope.spawn(move || ask(lab, &capture));
            let taps =
                || (stages(lab).ok()?.len() == 2 && fs::metadata(&file).ok()?.len() > 2000).then_some(());
            ensure!(wait_until(PATIENCE, taps).is_some(), "nothing is captured: {}", edge.log());
            media.arrive(SOME)?;
            end(edge)?;
            // What it ends with is its own affair; it ends.
            drop(captured.join());
            Ok(())
        })?;
        media.arrive(SOME)?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", CALLS.into(), PATIENCE)?;
        assert_eq!(stages(lab)?.len(), 1, "no tap is left");
        ask(lab, &["capture", "--call", &call, "--seconds", "1", "-w", &path])?;
        media.arrive(SOME)?;
        media.end()?;
        exchange.take(Step::HangUp)?;
        wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        edge.stop()?;
        assert!(pins(lab)?.is_empty());
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn killed_while_it_captures_edge_leaves_media_and_no_tap_behind() -> Result<()> {
    ended_while_it_captures(|edge| edge.kill())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_successor_takes_over_from_an_edge_that_captures_without_a_packet_lost() -> Result<()> {
    ended_while_it_captures(|edge| edge.leave())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn tables_of_another_version_are_refused_by_name_and_their_media_goes_on() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let mut exchange = Exchange::begin(lab, CALLS, traffic::port)?;
        let media = Media::begin(lab, &exchange.stand()?)?;
        edge.wait_for_count("journal_written", CALLS.into(), PATIENCE)?;
        edge.kill()?;
        let before = pins(lab)?;
        let ours = before.first().and_then(|pin| pin.ancestors().nth(2)).context("nothing is pinned")?;
        let foreign = ours.with_file_name("v99");
        fs::rename(ours, &foreign)?;
        let kept = pins(lab)?;
        let refused = EdgeProcess::start_again(lab).err().context("an edge of another version is refused")?;
        let (said, named) = (
            format!("{refused:#}"),
            format!("ABI v99, this is {}", ours.file_name().context("v")?.display()),
        );
        ensure!(said.contains(&named) && said.contains(&format!("rm -r {}", foreign.display())), "{said}");
        assert_eq!((pins(lab)?, kept.len()), (kept.clone(), before.len()), "nothing was touched");
        media.arrive(SOME)?;
        fs::rename(&foreign, ours)?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", CALLS.into(), PATIENCE)?;
        media.end()?;
        exchange.take(Step::HangUp)?;
        wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        edge.stop()
    })
}
