//! The memory of this process: what it has, and what it may have. What the task has is not what the
//! machine has.

use std::fs;

/// Bytes that this process has in memory; none where the kernel does not tell.
#[must_use]
pub(crate) fn resident() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Bytes that this process may use: its control group's limit, or what the machine has.
#[must_use]
pub(crate) fn limit() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    let machine = kibibytes("/proc/meminfo", "MemTotal:");
    [group, machine].into_iter().flatten().min()
}

/// The number on the line of a file of the kernel that begins with `name`, in bytes.
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_less_than_it_may_have() {
        let (has, may) = (resident().unwrap(), limit().unwrap());
        assert!(has > 1 << 20 && has < may, "{has} of {may}");
    }
}
