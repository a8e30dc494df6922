//! The figures every Prometheus client tells of its process, under the names they have everywhere.

use std::{fs, sync::LazyLock};

use api::Timestamp;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

/// When the process began to serve.
pub(super) static STARTED: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

pub(super) fn registry() -> Registry {
    let mut registry = Registry::with_prefix("process");
    let started = Gauge::<i64>::default();
    started.set(STARTED.as_second());
    registry.register("start_time_seconds", "When the process began to serve, since 1970", started);
    if let Some(bytes) = resident() {
        let memory = Gauge::<i64>::default();
        memory.set(bytes);
        registry.register("resident_memory_bytes", "Memory of the process", memory);
    }
    registry
}

/// The memory of this process, where the system tells.
fn resident() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_memory() {
        assert!(resident().is_some_and(|bytes| (1 << 20) < bytes));
    }
}
