//! Debian's kernels: which there are, and how one comes into `target/` without being installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{shell, workspace};

/// A kernel that operators have.
#[derive(Debug)]
pub(super) struct Kernel {
    /// Its version, as far as Debian keeps that for a release.
    pub(super) version: &'static str,
    /// Whose it is.
    pub(super) of: &'static str,
    /// Where Debian has it.
    suite: &'static str,
    /// Whether it runs edge's XDP programs. One that does not has the userspace relay, and doctor says so.
    pub(super) runs_xdp: bool,
}

/// Of each release the kernel that it comes with; and the newest, for what the next release will bring.
pub(super) const KERNELS: &[Kernel] = &[
    Kernel { version: "5.10", of: "Debian 11", suite: "bullseye", runs_xdp: false },
    Kernel { version: "6.1", of: "Debian 12", suite: "bookworm", runs_xdp: true },
    Kernel { version: "6.12", of: "Debian 13, RHEL 10", suite: "trixie", runs_xdp: true },
    Kernel { version: "newest", of: "Debian 13 backports", suite: "trixie-backports", runs_xdp: true },
];

const ARCHIVE: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// It depends on the kernel of the day.
const NEWEST: &str = "linux-image-amd64";

/// An unpacked kernel.
pub(super) struct Installed {
    /// Where all of it lies.
    pub(super) root: PathBuf,
    /// What `uname -r` says there.
    pub(super) release: String,
    /// The file that boots.
    pub(super) image: PathBuf,
    /// What has a directory for each release's modules.
    pub(super) modules: PathBuf,
}

/// Fetches and unpacks a kernel, unless it is there; one that was begun and not completed is fetched anew.
pub(super) fn ensure(kernel: &Kernel) -> Result<Installed> {
    let root = workspace::kernels().join(kernel.version).join("root");
    if !root.exists() {
        shell::step(&format!(
            "kernels: fetching {} from {} (70 to 110 MB, once)",
            kernel.version, kernel.suite
        ));
        let begun = root.with_extension("begun");
        if begun.exists() {
            fs::remove_dir_all(&begun).context("cannot remove what was fetched in part")?;
        }
        fs::create_dir_all(&begun)?;
        fetch(kernel, &begun).context("Debian's archive could not be fetched")?;
        unpack(&begun)?;
        fs::rename(&begun, &root).context("cannot put the kernel into its place")?;
    }
    find(&root)
}

/// Downloads by an apt of its own, so that neither the host's sources nor its packages change.
fn fetch(kernel: &Kernel, into: &Path) -> Result<()> {
    let apt = into.join("apt");
    fs::create_dir_all(apt.join("lists/partial"))?;
    fs::create_dir_all(apt.join("cache/archives/partial"))?;
    fs::create_dir_all(apt.join("none"))?;
    fs::write(apt.join("status"), "")?;
    let suite = kernel.suite;
    let mut sources = format!("deb [signed-by={KEYS}] {ARCHIVE} {suite} main\n");
    if !suite.contains('-') {
        sources += &format!("deb [signed-by={KEYS}] {SECURITY} {suite}-security main\n");
    }
    fs::write(apt.join("sources.list"), sources)?;
    shell::run(configured("apt-get", &apt).args(["-qq", "update"]))?;
    let mut wanted = newest(&apt)?;
    ensure!(!wanted.is_empty(), "{NEWEST} of {suite} names no kernel");
    wanted.retain(|package| !package.ends_with("-dbg"));
    shell::run(configured("apt-get", &apt).arg("-qq").arg("download").args(wanted).current_dir(into))
}

fn configured(program: &str, apt: &Path) -> Command {
    let mut command = Command::new(program);
    for (option, value) in [
        ("Dir::State::Lists", "lists"),
        ("Dir::State::Status", "status"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::SourceList", "sources.list"),
        ("Dir::Etc::SourceParts", "none"),
        ("Dir::Etc::Preferences", "none"),
        ("Dir::Etc::PreferencesParts", "none"),
    ] {
        command.arg("-o").arg(format!("{option}={}", apt.join(value).display()));
    }
    command.args(["-o", "Acquire::Check-Valid-Until=false", "-o", "APT::Sandbox::User=root"]);
    command
}

/// The packages that the newest kernel consists of.
fn newest(apt: &Path) -> Result<Vec<String>> {
    let depends = |package: &str| {
        let answer = shell::answer(configured("apt-cache", apt).args(["depends", "--important", package]));
        let names = answer.unwrap_or_default();
        let parts = names.lines().filter_map(|line| line.trim().strip_prefix("Depends: ").map(str::to_owned));
        parts.filter(|name| is_part(name)).collect::<Vec<_>>()
    };
    let images = depends(NEWEST);
    let mut all = images.clone();
    for image in &images {
        all.extend(depends(image));
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Whether a package is an image, or modules or a boot file beside one, of one release.
fn is_part(package: &str) -> bool {
    let rest = ["linux-image-", "linux-modules-", "linux-binary-"]
        .iter()
        .find_map(|kind| package.strip_prefix(kind));
    rest.is_some_and(|release| release.starts_with(|first: char| first.is_ascii_digit()))
}

/// Unpacks the packages and writes down which module needs which.
fn unpack(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            shell::run(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(root))?;
            fs::remove_file(&path)?;
        }
    }
    fs::remove_dir_all(root.join("apt"))?;
    let modules = modules(root);
    // The shell of the machine loads no compressed modules.
    let mut expand = Command::new("find");
    expand.arg(&modules).args(["-name", "*.ko.xz", "-exec", "xz", "--decompress", "{}", "+"]);
    shell::run(&mut expand)?;
    let base = modules.parent().and_then(Path::parent).unwrap_or(root);
    shell::run(Command::new("busybox").args(["depmod", "-b"]).arg(base).arg(release(&modules)?))
}

fn find(root: &Path) -> Result<Installed> {
    let modules = modules(root);
    let release = release(&modules)?;
    // Newer packages have the image beside the modules.
    let places = [root.join(format!("boot/vmlinuz-{release}")), modules.join(&release).join("vmlinuz")];
    let image = places.into_iter().find(|image| image.exists());
    let image =
        image.with_context(|| format!("no kernel in {0}: remove it, to fetch it anew", root.display()))?;
    Ok(Installed { root: root.to_owned(), image, modules, release })
}

/// `/lib` is a link into `/usr` in newer releases.
fn modules(root: &Path) -> PathBuf {
    let merged = root.join("usr/lib/modules");
    if merged.exists() { merged } else { root.join("lib/modules") }
}

fn release(modules: &Path) -> Result<String> {
    let mut releases = fs::read_dir(modules).with_context(|| format!("no {}", modules.display()))?;
    let release = releases.next().context("a kernel has modules")??.file_name();
    Ok(release.to_string_lossy().into_owned())
}
