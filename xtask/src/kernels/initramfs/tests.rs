//! Modules as depmod lists them.

use super::{path_of, require};

const LISTED: &str = "kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/net/9p/9pnet_virtio.ko: kernel/drivers/virtio/virtio.ko kernel/net/9p/9pnet.ko
kernel/net/9p/9pnet.ko:
kernel/fs/netfs/netfs.ko:
kernel/drivers/virtio/virtio.ko:
kernel/drivers/net/dummy-device.ko:
";

#[test]
fn a_module_is_found_by_its_name_whichever_dash_its_file_has() {
    assert_eq!(path_of(LISTED, "9p"), Some("kernel/fs/9p/9p.ko"));
    assert_eq!(path_of(LISTED, "dummy_device"), Some("kernel/drivers/net/dummy-device.ko"));
    assert_eq!(path_of(LISTED, "9pne"), None);
}

#[test]
fn what_a_module_needs_comes_before_it_and_once() {
    let mut order = Vec::new();
    for module in ["9pnet_virtio", "9p"] {
        require(LISTED, path_of(LISTED, module).expect("it is listed"), &mut order);
    }
    let names: Vec<&str> = order.iter().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(names, ["virtio.ko", "9pnet.ko", "9pnet_virtio.ko", "netfs.ko", "9p.ko"]);
}
