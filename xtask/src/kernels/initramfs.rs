//! What the machine boots with: a shell, and the modules that it reads this host's files by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::debian::Installed;

const SHELL: &str = "/bin/busybox";
const INIT: &str = include_str!("init.sh");
const GUEST: &str = include_str!("guest.sh");
/// What is compiled in is not among a kernel's modules. All others are read from the host, as they are asked for.
const MODULES: &[&str] = &["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/// Writes the archive and returns its path.
pub(super) fn build(kernel: &Installed) -> Result<PathBuf> {
    let place = kernel.modules.join(&kernel.release);
    let tree = kernel.root.join("initramfs");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir_all(tree.join("modules"))?;
    fs::create_dir_all(tree.join("bin"))?;
    fs::copy(SHELL, tree.join("bin/busybox")).context("busybox-static is installed")?;
    let listed = fs::read_to_string(place.join("modules.dep")).context("no modules.dep")?;
    let mut order = Vec::new();
    for module in MODULES {
        if let Some(path) = path_of(&listed, module) {
            require(&listed, path, &mut order);
        }
    }
    let mut names = String::new();
    for path in order {
        let name = Path::new(path).file_name().context("a module is a file")?;
        fs::copy(place.join(path), tree.join("modules").join(name))?;
        names += &format!("{}\n", name.display());
    }
    fs::write(tree.join("modules/order"), names)?;
    fs::write(tree.join("guest.sh"), GUEST)?;
    script(&tree.join("init"), INIT)?;
    pack(&tree)
}

fn script(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

/// The line of a module in the format of modules.dep(5): its path.
fn path_of<'a>(listed: &'a str, module: &str) -> Option<&'a str> {
    let paths = listed.lines().filter_map(|line| line.split(':').next());
    paths.into_iter().find(|path| {
        let file = path.rsplit('/').next().unwrap_or(path);
        file.strip_suffix(".ko").is_some_and(|name| name.replace('-', "_") == module)
    })
}

/// Puts what a module needs before it.
fn require<'a>(listed: &'a str, path: &'a str, order: &mut Vec<&'a str>) {
    if order.contains(&path) {
        return;
    }
    let needs =
        listed.lines().find_map(|line| line.strip_prefix(path)?.strip_prefix(':')).unwrap_or_default();
    for needed in needs.split_whitespace() {
        require(listed, needed, order);
    }
    order.push(path);
}

fn pack(tree: &Path) -> Result<PathBuf> {
    let archive = tree.with_extension("cpio");
    let output = fs::File::create(&archive).with_context(|| format!("cannot make {}", archive.display()))?;
    let mut cpio = Command::new(SHELL);
    cpio.args(["sh", "-c", "busybox find . | busybox cpio -o -H newc"]).current_dir(tree);
    let status = cpio.stdout(Stdio::from(output)).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "the archive to boot with cannot be packed");
    Ok(archive)
}

#[cfg(test)]
mod tests;
