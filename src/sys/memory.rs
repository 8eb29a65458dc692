//! The memory limit of this process and its browsers, and kills for lack of memory.
//!
//! A container's limit is that of its control group, which `/proc/meminfo` does not show. Both
//! versions of the kernel's interface are read; where there is neither, there is no limit.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory in which the kernel shows control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// The number from which a limit means that there is none.
const UNLIMITED: u64 = 1 << 60;

/// The control groups that this process is in, innermost first, by either version's files.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryGroups(Vec<PathBuf>);

impl MemoryGroups {
    /// The groups of this process.
    pub(crate) fn own() -> Self {
        let list = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::of(&list, Path::new(ROOT))
    }

    /// The groups that `/proc/<pid>/cgroup` lists, below `root`.
    fn of(list: &str, root: &Path) -> Self {
        let mut groups = Vec::new();
        for line in list.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let tops: &[&str] = match controllers {
                // Version 2, alone or beside version 1.
                "" => &["", "unified"],
                some if some.split(',').any(|controller| controller == "memory") => &["memory"],
                _ => continue,
            };
            for top in tops {
                let top = root.join(top);
                let own = top.join(path.trim_start_matches('/'));
                // In a container the path may be the host's, and only the top is visible.
                let seen = own.ancestors().take_while(|group| group.starts_with(&top));
                groups.extend(seen.map(Path::to_owned));
            }
        }
        groups.retain(|group| group.is_dir());
        Self(groups)
    }

    /// The lowest limit of the groups, in bytes.
    pub(crate) fn limit(&self) -> Option<u64> {
        let files = ["memory.max", "memory.high", "memory.limit_in_bytes"];
        let limits = self.0.iter().flat_map(|group| files.map(|file| group.join(file)));
        let limits = limits.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
        limits.filter(|&limit: &u64| limit < UNLIMITED).min()
    }

    /// The number of processes in the groups that the kernel has killed for lack of memory so far.
    pub(crate) fn kills(&self) -> u64 {
        let files = ["memory.events", "memory.oom_control"];
        let files = self.0.iter().flat_map(|group| files.map(|file| group.join(file)));
        let texts = files.filter_map(|file| fs::read_to_string(file).ok());
        let counts = texts.filter_map(|text| {
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
        });
        counts.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path, path: &str, files: &[(&str, &str)]) {
        fs::create_dir_all(root.join(path)).unwrap();
        for (name, text) in files {
            fs::write(root.join(path).join(name), text).unwrap();
        }
    }

    #[test]
    fn the_lowest_limit_of_version_2_holds() {
        let root = tempfile::tempdir().unwrap();
        group(root.path(), "a", &[("memory.max", "536870912\n"), ("memory.high", "max\n")]);
        let events = "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n";
        group(root.path(), "a/b", &[("memory.max", "max\n"), ("memory.events", events)]);
        let groups = MemoryGroups::of("0::/a/b\n", root.path());
        assert_eq!((groups.limit(), groups.kills()), (Some(512 << 20), 2));
    }

    #[test]
    fn version_1_is_read_and_its_great_number_is_no_limit() {
        let root = tempfile::tempdir().unwrap();
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n";
        group(
            root.path(),
            "memory",
            &[("memory.limit_in_bytes", "9223372036854771712\n"), ("memory.oom_control", control)],
        );
        let list = "5:cpu,cpuacct:/x\n4:memory:/docker/1234\n0::/\n";
        // The host's path is not visible: the top is the container's own.
        let groups = MemoryGroups::of(list, root.path());
        assert_eq!((groups.limit(), groups.kills()), (None, 4));
        group(root.path(), "memory/docker/1234", &[("memory.limit_in_bytes", "314572800\n")]);
        assert_eq!(MemoryGroups::of(list, root.path()).limit(), Some(300 << 20));
        assert_eq!(MemoryGroups::of("", root.path()).limit(), None);
    }
}
