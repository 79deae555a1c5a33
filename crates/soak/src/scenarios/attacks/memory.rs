//! The memory that the attacked server may take: a control group kills it beyond that, where this
//! machine lets one be made.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group of one process; removed when dropped.
pub(super) struct Group(PathBuf);

impl Group {
    /// Holds a process to so many bytes. None where no group can be made: not root, or no memory
    /// controller.
    pub(super) fn holding(pid: u32, most: u64) -> Option<Self> {
        // Version 2, then version 1 of control groups: the kernel has one of them.
        let places = [
            ("/sys/fs/cgroup", "memory.max"),
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ];
        places.into_iter().find_map(|(root, limit)| {
            let group = Self(Path::new(root).join(format!("holdfast-soak-{pid}")));
            fs::create_dir(&group.0).ok()?;
            let limit = group.0.join(limit);
            // On a plain directory, which is no control group, there is no such file.
            let held = limit.exists()
                && fs::write(&limit, most.to_string()).is_ok()
                && fs::write(group.0.join("cgroup.procs"), pid.to_string()).is_ok();
            held.then_some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It stays while the process is in it, which dies a moment later; an empty one costs nothing.
        let _ = fs::remove_dir(&self.0);
    }
}
