//! What a container uses, from the engine's counters. Pure, but for the memory of the last look at them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::models::{ContainerCpuStats, ContainerMemoryStats, ContainerStatsResponse};

use super::Usage;

/// Nanoseconds of processor time: of the container, of the machine, and the machine's cores.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    container: u64,
    machine: u64,
    cores: u32,
}

/// The last look at each container. The engine would take two looks itself, a second apart.
#[derive(Clone, Default)]
pub(super) struct Looks(Arc<Mutex<HashMap<String, Sample>>>);

impl Looks {
    /// What these counters say, compared with the last ones of the same container.
    pub(super) fn usage(&self, container_id: &str, stats: &ContainerStatsResponse) -> Usage {
        let now = stats.cpu_stats.as_ref().and_then(sample);
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now.and_then(|now| looks.insert(container_id.to_owned(), now));
        let memory = stats.memory_stats.as_ref();
        Usage {
            cpu_percent: before.zip(now).and_then(|(before, now)| percent(before, now)),
            memory_bytes: memory.and_then(in_use),
            memory_limit_bytes: memory.and_then(|it| it.limit),
        }
    }

    /// Forgets a container that is gone.
    pub(super) fn forget(&self, container_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(container_id);
    }
}

fn sample(stats: &ContainerCpuStats) -> Option<Sample> {
    Some(Sample {
        container: stats.cpu_usage.as_ref()?.total_usage?,
        machine: stats.system_cpu_usage?,
        cores: stats.online_cpus?,
    })
}

/// `None` when no time has passed, or the counters started again.
#[expect(clippy::cast_precision_loss, reason = "a share of time needs no more than 52 bits")]
fn percent(before: Sample, now: Sample) -> Option<f64> {
    let machine = now.machine.checked_sub(before.machine).filter(|passed| *passed != 0)?;
    let container = now.container.checked_sub(before.container)?;
    Some(container as f64 / machine as f64 * f64::from(now.cores) * 100.0)
}

/// Version 1 of the kernel's control groups names the cache `total_inactive_file`, version 2 `inactive_file`.
fn in_use(memory: &ContainerMemoryStats) -> Option<u64> {
    let counters = memory.stats.as_ref();
    let cache = counters.and_then(|it| it.get("total_inactive_file").or_else(|| it.get("inactive_file")));
    Some(memory.usage?.saturating_sub(cache.copied().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerCpuUsage;

    use super::*;

    fn stats(container: u64, machine: u64, cache: &str) -> ContainerStatsResponse {
        ContainerStatsResponse {
            cpu_stats: Some(ContainerCpuStats {
                cpu_usage: Some(ContainerCpuUsage { total_usage: Some(container), ..Default::default() }),
                system_cpu_usage: Some(machine),
                online_cpus: Some(4),
                ..Default::default()
            }),
            memory_stats: Some(ContainerMemoryStats {
                usage: Some(1000),
                limit: Some(4000),
                stats: Some(HashMap::from([(cache.to_owned(), 300)])),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn processor_time_is_known_from_the_second_look_on() {
        let looks = Looks::default();
        assert_eq!(looks.usage("a", &stats(100, 1000, "inactive_file")).cpu_percent, None);
        // Half of the machine's time, which has four cores.
        assert_eq!(looks.usage("a", &stats(600, 2000, "inactive_file")).cpu_percent, Some(200.0));
        assert_eq!(looks.usage("b", &stats(600, 2000, "inactive_file")).cpu_percent, None);
        looks.forget("a");
        assert_eq!(looks.usage("a", &stats(900, 3000, "inactive_file")).cpu_percent, None);
    }

    #[test]
    fn counters_that_began_anew_say_nothing() {
        let looks = Looks::default();
        looks.usage("a", &stats(600, 2000, "inactive_file"));
        assert_eq!(looks.usage("a", &stats(10, 2100, "inactive_file")).cpu_percent, None);
        assert_eq!(looks.usage("a", &stats(20, 2100, "inactive_file")).cpu_percent, None);
    }

    #[test]
    fn the_page_cache_is_not_memory_in_use_in_either_control_group_version() {
        for cache in ["total_inactive_file", "inactive_file"] {
            let usage = Looks::default().usage("a", &stats(1, 1, cache));
            assert_eq!((usage.memory_bytes, usage.memory_limit_bytes), (Some(700), Some(4000)));
        }
    }

    #[test]
    fn a_container_that_no_longer_runs_uses_nothing_that_is_known() {
        assert_eq!(Looks::default().usage("a", &ContainerStatsResponse::default()), Usage::default());
    }
}
