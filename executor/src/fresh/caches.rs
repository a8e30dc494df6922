//! What a check inherits of the agent's home: downloads and results of builds, by name. Nothing that is a program, an
//! environment of programs, or a setting.

use std::path::Path;

/// Folders in the home. `README.md` has this list.
pub(super) const CACHES: [&str; 27] = [
    ".bun/install/cache",
    ".cache/ccache",
    ".cache/composer",
    ".cache/coursier",
    ".cache/deno",
    ".cache/go-build",
    ".cache/pip",
    ".cache/pnpm",
    ".cache/pypoetry/artifacts",
    ".cache/pypoetry/cache",
    ".cache/sccache",
    ".cache/uv",
    ".cache/yarn",
    ".cargo/git",
    ".cargo/registry",
    ".ccache",
    ".composer/cache",
    ".gradle/caches",
    ".hex/packages",
    ".ivy2/cache",
    ".local/share/pnpm/store",
    ".m2/repository",
    ".npm/_cacache",
    ".nuget/packages",
    ".pub-cache/hosted",
    ".yarn/berry/cache",
    "go/pkg/mod",
];

/// What the agent's own program and npm keep there by themselves: no news to anybody.
const USUAL: [&str; 7] = [
    ".claude",
    ".cache/claude",
    ".config/claude",
    ".local/share/claude",
    ".local/state/claude",
    ".npm/_logs",
    ".npm/_update-notifier-last-checked",
];

/// Whether it is one of the caches.
pub(super) fn is_cache(path: &Path) -> bool {
    CACHES.iter().any(|cache| path == Path::new(cache))
}

/// Whether one of the caches may be in this folder.
pub(super) fn leads_to_cache(path: &Path) -> bool {
    CACHES.iter().any(|cache| Path::new(cache).starts_with(path))
}

/// Whether people need not hear that it was there.
pub(super) fn is_usual(path: &str) -> bool {
    USUAL.iter().any(|name| path.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_one_that_people_read() {
        let text = include_str!("../../README.md");
        let list =
            text.split_once("**Caches** in the home: ").unwrap().1.split_once(". They hold").unwrap().0;
        assert_eq!(list, CACHES.map(|name| format!("`{name}`")).join(", "));
    }

    #[test]
    fn only_folders_on_the_way_to_a_cache_lead_there() {
        let leads = [".cache", ".cargo", ".local/share/pnpm", "go"].map(Path::new);
        assert!(leads.into_iter().all(|path| leads_to_cache(path) && !is_cache(path)));
        let others = [".cargo/bin", ".local/lib", ".cache/pip2", ".cargo/registry/src"].map(Path::new);
        assert!(!others.into_iter().any(|path| leads_to_cache(path) || is_cache(path)));
    }
}
