//! What a look-up among many routes costs, and what a file of them takes to load, beside a `BTreeMap` that is probed prefix by
//! prefix and a scan of all of them in the same run.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use edge_core::policy::{NumberMatch, Route, RouteQuery, Routes, TrunkId};
use edge_user::config::{Changes, Config};
use edge_user::runtime::memory;
use serde_json::json;

/// Numbers that are looked up in a scan: all of them would take minutes.
const SCANNED: usize = 200;

/// What a run found; times are medians over its rounds.
#[derive(Debug, Clone)]
pub struct Report {
    routes: usize,
    trunks: usize,
    /// Nanoseconds a look-up: in the index, by probing, by scanning.
    lookup_ns: [f64; 3],
    index_ms: f64,
    index_bytes: usize,
    load: Load,
}

/// What a file of all of them takes to load, and to load again in which one route is another.
#[derive(Debug, Clone, Copy)]
struct Load {
    file_bytes: usize,
    first: Took,
    reload: Took,
}

/// What one of them takes. Memory is that beyond what this process had before, the text of the file in force among it.
#[derive(Debug, Clone, Copy)]
struct Took {
    took_ms: f64,
    /// What stays.
    resident_mb: f64,
    /// The most on the way.
    peak_mb: f64,
}

/// Measures `rounds` rounds of `lookups` look-ups among `routes` prefixes, and loads them once from a file with `trunks` trunks.
///
/// # Errors
/// When the file that is generated is not taken, or the three ways do not agree.
pub fn run(rounds: u32, lookups: usize, routes: usize, trunks: usize) -> Result<Report> {
    let prefixes = prefixes(routes);
    // First of all: memory that something else has used and left would be used again, and not be seen.
    let load = load(&prefixes, trunks)?;
    let numbers = numbers(&prefixes, lookups);
    let all = || prefixes.iter().map(|prefix| route(prefix)).collect::<Vec<Route>>();
    let mut index_ms = Vec::new();
    let mut table = Routes::default();
    for _ in 0..rounds {
        let routes = all();
        let (took, built) = timed(|| Routes::new(routes));
        index_ms.push(took.as_secs_f64() * 1e3);
        table = built;
    }
    let tree: BTreeMap<&str, usize> =
        prefixes.iter().enumerate().map(|(id, prefix)| (prefix.as_str(), id)).collect();
    agree(&table, &tree, &prefixes, &numbers)?;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(each(&numbers, |number| indexed(&table, number)));
        times[1].push(each(&numbers, |number| probed(&tree, number)));
        times[2].push(each(&numbers[..SCANNED.min(lookups)], |number| scanned(&prefixes, number)));
    }
    let index_bytes = table.index_bytes();
    Ok(Report { routes, trunks, lookup_ns: times.map(median), index_ms: median(index_ms), index_bytes, load })
}

/// Loads a file with all routes, and then its successor, by the way that `edge run` and a reload go: read, checked, made a policy with its
/// tables, compared with what is in force, and put in the place of that.
fn load(prefixes: &[String], trunks: usize) -> Result<Load> {
    let file = std::env::temp_dir().join(format!("edge-bench-routes-{}.toml", std::process::id()));
    let text = file_of(prefixes, trunks);
    let file_bytes = text.len();
    let another = text.replacen("name = \"r7\"", "name = \"another\"", 1);
    std::fs::write(&file, text)?;
    memory::give_back();
    let before = memory_kb("VmRSS:");
    let (first, config) = took(before, || Ok(Config::load(&file)?))?;
    ensure!(config.policy.routes.all().len() == prefixes.len(), "routes are missing");
    ensure!(config.policy.trunks.len() == trunks, "trunks are missing");
    std::fs::write(&file, another)?;
    let (reload, changes) = took(before, move || {
        let fresh = Config::load(&file)?;
        std::fs::remove_file(&file)?;
        let changes = Changes::between(&config.text, &fresh.text);
        drop(config);
        Ok((fresh, changes))
    })?;
    ensure!(changes.1.count == 2, "of one route with another name two things are said: {}", changes.1);
    Ok(Load { file_bytes, first, reload })
}

/// Runs `work`, and says what it took.
fn took<T>(before_kb: u64, work: impl FnOnce() -> Result<T>) -> Result<(Took, T)> {
    // The kernel forgets the highest memory so far (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5")?;
    let (took, done) = timed(work);
    let done = done?;
    let more_mb = |name| memory_kb(name).saturating_sub(before_kb) as f64 / 1024.0;
    let peak_mb = more_mb("VmHWM:");
    memory::give_back();
    Ok((Took { took_ms: took.as_secs_f64() * 1e3, resident_mb: more_mb("VmRSS:"), peak_mb }, done))
}

/// Prefixes of three to nine digits behind the plus, each another one, in an order that says nothing.
fn prefixes(count: usize) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::with_capacity(count);
    let mut seen = std::collections::HashSet::with_capacity(count);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    while prefixes.len() < count {
        random = next(random);
        let digits = 3 + (random >> 60) as usize % 7;
        let prefix = format!("+{:09}", random % 1_000_000_000)[..=digits].to_owned();
        if seen.insert(prefix.clone()) {
            prefixes.push(prefix);
        }
    }
    prefixes
}

/// Numbers of eleven digits: three of four begin with a prefix of the table.
fn numbers(prefixes: &[String], count: usize) -> Vec<String> {
    let mut random = 1;
    (0..count)
        .map(|at| {
            random = next(random);
            let tail = format!("{:012}", random % 1_000_000_000_000);
            let at = (random >> 32) as usize % prefixes.len() + usize::from(at % 4 == 0);
            let prefix = prefixes.get(at).map_or("+", String::as_str);
            format!("{prefix}{tail}")[..12].to_owned()
        })
        .collect()
}

/// SplitMix64.
const fn next(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn route(prefix: &str) -> Route {
    let to = NumberMatch::Prefix(prefix.to_owned());
    Route::new(prefix, vec![TrunkId::new(0)], to, TrunkId::new(1))
}

fn indexed(table: &Routes, number: &str) -> Option<usize> {
    table.taker(RouteQuery { from: TrunkId::new(0), number, caller: "", time: None })
}

fn probed(tree: &BTreeMap<&str, usize>, number: &str) -> Option<usize> {
    (0..=number.len()).rev().find_map(|length| tree.get(&number[..length]).copied())
}

fn scanned(prefixes: &[String], number: &str) -> Option<usize> {
    let fits = prefixes.iter().enumerate().filter(|(_, prefix)| number.starts_with(prefix.as_str()));
    fits.max_by_key(|(_, prefix)| prefix.len()).map(|(id, _)| id)
}

fn agree(
    table: &Routes,
    tree: &BTreeMap<&str, usize>,
    prefixes: &[String],
    numbers: &[String],
) -> Result<()> {
    for number in numbers.iter().take(SCANNED) {
        let found = indexed(table, number);
        let right = found == probed(tree, number) && found == scanned(prefixes, number);
        ensure!(right, "{number} is found elsewhere");
    }
    Ok(())
}

/// A file with these routes, each from and to another one of the trunks.
fn file_of(prefixes: &[String], trunks: usize) -> String {
    let mut text = "[node]\nname = \"bench\"\n\n".to_owned();
    for (realm, net) in [("outside", "198.18"), ("inside", "10.0")] {
        let _ = writeln!(
            text,
            "[[realm]]\nname = \"{realm}\"\ndevice = \"{realm}\"\nsip = [\"udp:{net}.255.1:5060\"]\n\
             media = [\"{net}.255.1\"]\nmedia_ports = \"20000-29999\"\n"
        );
    }
    for trunk in 0..trunks {
        let (high, low) = (trunk / 250, trunk % 250 + 1);
        let (realm, net) = if trunk % 2 == 0 { ("outside", "198.18") } else { ("inside", "10.0") };
        let _ = writeln!(
            text,
            "[[trunk]]\nname = \"t{trunk}\"\nrealm = \"{realm}\"\nhost = \"{net}.{high}.{low}\"\nauth = \"ip\"\n\
             failover_group = \"g{}\"\n",
            trunk / 10
        );
    }
    for (at, prefix) in prefixes.iter().enumerate() {
        let (from, group) = (at % trunks, (at / 7) % trunks.div_ceil(10));
        let _ = writeln!(
            text,
            "[[route]]\nname = \"r{at}\"\nfrom = [\"t{from}\"]\nto = {{ prefix = \"{prefix}\" }}\n\
             targets = [{{ group = \"g{group}\" }}]\n"
        );
    }
    text
}

/// Nanoseconds that each takes.
fn each(numbers: &[String], find: impl Fn(&str) -> Option<usize>) -> f64 {
    let (took, _found) = timed(|| numbers.iter().filter(|number| black_box(find(number)).is_some()).count());
    took.as_secs_f64() * 1e9 / numbers.len() as f64
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}

/// Memory of this process by a line of `/proc/self/status`, in kB; zero where the kernel does not say.
fn memory_kb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Report {
    /// The figures as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let [index, tree, scan] = self.lookup_ns;
        json!({
            "routes": self.routes,
            "trunks": self.trunks,
            "lookup_ns": { "index": index, "btreemap": tree, "scan": scan },
            "index_ms": self.index_ms,
            "index_bytes": self.index_bytes,
            "file_bytes": self.load.file_bytes,
            "load": self.load.first.json(),
            "reload": self.load.reload.json(),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [index, tree, scan] = self.lookup_ns;
        writeln!(f, "{} routes by prefix{:>24} {:>8}", self.routes, "ns", "ratio")?;
        for (name, time) in
            [("BTreeMap, probed by length", tree), ("edge: index", index), ("scan of all", scan)]
        {
            writeln!(f, "  {name:<32}{time:>8.0} {:>8.2}", time / tree)?;
        }
        writeln!(f, "  built in {:.0} ms, {:.1} MB", self.index_ms, self.index_bytes as f64 / 1e6)?;
        let Load { file_bytes, first, reload } = self.load;
        writeln!(
            f,
            "a file of {:.1} MB with {} trunks and these routes",
            file_bytes as f64 / 1e6,
            self.trunks
        )?;
        for (name, took) in [("loaded", first), ("again, with one other route", reload)] {
            let Took { took_ms, resident_mb, peak_mb } = took;
            writeln!(
                f,
                "  {name:<32}{took_ms:>8.0} ms, {peak_mb:>4.0} MB at the peak, {resident_mb:>4.0} MB afterwards"
            )?;
        }
        Ok(())
    }
}

impl Took {
    fn json(self) -> serde_json::Value {
        let Self { took_ms, resident_mb, peak_mb } = self;
        json!({ "took_ms": took_ms, "resident_mb": resident_mb, "peak_mb": peak_mb })
    }
}
