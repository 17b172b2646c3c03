//! The configuration is read again, again and again, while calls come in: nothing fails.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, caller, number, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::Side;
use edge_tests::{EdgeConfig, Sipp, scenario};

const CALLS: u32 = 80;
const RATE: f64 = 10.0;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_reload_under_load_fails_no_call_whatever_the_file_says() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).calls(CALLS).seconds(0);
        let called = called.untraced().start(lab)?;
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).calls(CALLS);
        let mut callers = callers.rate(RATE).seconds(0).untraced().start(lab)?;
        let file = lab.directory().join("edge.toml");
        // Bounds, trunks and routes come and go, and each third file is wrong.
        let extra = "[[trunk]]\nname = \"more\"\nrealm = \"inside\"\nhost = \"10.0.0.77\"\nauth = \"ip\"";
        let route = "[[route]]\nname = \"more\"\nfrom = [\"more\"]\nto = { prefix = \"+\" }\ntargets = [{ trunk = \"carrier\" }]";
        // The route that the calls take is another one in each second file.
        let route = format!(
            "{route}\n\n[[route]]\nname = \"exact\"\nfrom = [\"carrier\"]\nto = {{ exact = [\"{}\"] }}\n\
             rewrite_to = {{ strip = 10, prepend = \"\" }}\ntargets = [{{ trunk = \"pbx\" }}]",
            number(Side::Carrier)
        );
        let group = "[[group]]\nname = \"g\"\nmax_calls = 500";
        let files = [
            EdgeConfig::default().section(extra).section(&route).toml(lab),
            EdgeConfig::default().trunk(Side::Pbx, "failover_group = \"g\"").section(group).toml(lab),
            EdgeConfig::default().toml(lab).replace("auth = \"ip\"", "auth = \"none\""),
        ];
        let (mut taken, mut refused) = (0, 0);
        for toml in files.iter().cycle() {
            if !callers.is_running()? {
                break;
            }
            std::fs::write(&file, toml)?;
            match ask(lab, &["reload"]) {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
            thread::sleep(Duration::from_millis(50));
        }
        ensure!(taken > 2 && refused > 1, "{taken} files were taken and {refused} refused");
        callers.wait_for_success(PATIENCE)?;
        called.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        ensure!(cdrs.len() == CALLS as usize, "{} records", cdrs.len());
        ensure!(cdrs.iter().all(|cdr| cdr.cause() == "hangup"), "{cdrs:?}");
        let by = |route: &str| cdrs.iter().filter(|cdr| cdr.text("/route") == route).count();
        ensure!(by("did") > 0 && by("exact") > 0, "{} by did, {} by exact", by("did"), by("exact"));
        let log = edge.log();
        ensure!(
            log.contains("trunk more: added")
                && log.contains("route exact: added")
                && log.contains("route exact: removed"),
            "{log}"
        );
        edge.stop()
    })
}
