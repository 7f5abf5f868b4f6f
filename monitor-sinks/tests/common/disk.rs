//! A small ext4 that can be made to fail and be repaired, as a disk fails.
#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A small ext4 on a file. Unmounted when dropped.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// `None`, and it says so, where that is not allowed.
    pub(crate) fn make() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(disk.home()).unwrap();
        fs::File::create(disk.image("first")).and_then(|image| image.set_len(24 << 20)).unwrap();
        let is_made = run("mkfs.ext4", &["-q", "-F", "-O", "^has_journal"], &[&disk.image("first")]);
        if is_made && disk.mount("first") {
            return Some(disk);
        }
        let message = "SKIPPED: this test mounts a small ext4, which needs Linux, root and a loop device";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
        None
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn image(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mount(&self, image: &str) -> bool {
        run("mount", &["-o", "loop,errors=remount-ro"], &[&self.image(image), &self.home()])
    }

    /// Makes it fail, after which every write is refused. What was written before is on it.
    pub(crate) fn fail(&self) {
        assert!(run("sync", &[], &[]));
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let home = self.home();
        let line = mounts.lines().find(|line| line.contains(home.to_str().unwrap())).unwrap();
        let device = Path::new(line.split(' ').next().unwrap()).file_name().unwrap().to_str().unwrap();
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "a test").unwrap();
    }

    /// Repairs a copy of it and mounts that in its place.
    pub(crate) fn repair(&self) {
        assert!(run("umount", &["-l"], &[&self.home()]));
        assert!(run("sync", &[], &[]));
        fs::copy(self.image("first"), self.image("second")).unwrap();
        run("e2fsck", &["-fy"], &[&self.image("second")]);
        assert!(self.mount("second"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["-l"], &[&self.home()]);
    }
}

fn run(program: &str, arguments: &[&str], paths: &[&Path]) -> bool {
    Command::new(program).args(arguments).args(paths).output().is_ok_and(|output| output.status.success())
}
