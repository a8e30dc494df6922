//! The agent tries to reach what its container holds beside it: the keys' holder, more rights, the machine.

use std::collections::BTreeSet;

use api::run::Reason;

use super::network::{is_at_work, outcomes};
use crate::harness::{World, docker, ends, image, launch, step};

const SCRIPT: &str = include_str!("inside.sh");
/// Put before the script where nobody seals: somebody with a secret who is called like the executor.
const UNSEALED: &str = "cp /bin/sleep /tmp/caisson-executor; CAISSON_TOKEN=canary /tmp/caisson-executor 300 &
until pgrep -x caisson-executo > /dev/null; do :; done";
/// What the script gets there: proof that its lines can tell. The others depend on the machine.
const GOT_UNSEALED: &str = "executor_mem executor_maps executor_environ executor_descriptors executor_standard_input
    executor_cwd executor_files executor_threads executor_vm_readv executor_vm_writev executor_ptrace_attach
    executor_ptrace_seize executor_descriptor_taken executor_joined executor_joined_mounts executor_priority
    executor_limits executor_signal executor_dump first_mem first_environ first_ptrace_attach first_signal first_kill
    environments memories spool spool_enter spool_write spool_rename unshare_user unshare_net unshare_mount
    unshare_root clone3_user mount mount_bind mount_remount umount fsopen open_tree chroot pivot_root perf keyctl
    add_key set_uid set_gid set_groups capabilities su su_executor newgrp setuid_file setuid_root file_capabilities
    family_17 memory_node disk_node change_caisson-executor change_passwd change_resolv.conf put_into__usr_local_bin
    put_into__etc preload shadow over_executor bind_127.0.0.1_7336 bind_0.0.0.0_7335 bind_udp_7353 rules rules_add
    route address link rule namespace_net";
/// Everything that is mounted in a container, beside what is below `/proc`, `/sys` and `/dev`.
const MOUNTS: [&str; 10] = [
    "/",
    "/workspace",
    "/home/agent",
    "/var/lib/caisson",
    "/tmp",
    "/var/tmp",
    "/run",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/etc/hosts",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_gets_nothing_of_its_container_but_what_is_its_own() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "probe.sh", SCRIPT);
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    is_at_work(&client, run.id).await;
    let settings = docker(&["inspect", "--format", "{{join .Config.Env \" \"}}", &world.container()]);
    let token =
        settings.split_whitespace().find_map(|it| it.strip_prefix("CAISSON_TOKEN=")).unwrap().to_owned();
    let run = ends(&client, run.id, Reason::Completed).await;

    let said = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
    assert!(said.contains("executor=found"), "{said}");
    assert_eq!(outcomes(&said, "got"), BTreeSet::new(), "{said}");
    assert!(200 < outcomes(&said, "refused").len(), "everything was tried: {said}");
    assert!(!said.contains(&token), "the instance's token is nowhere to be seen");
    for mount in said.lines().filter_map(|line| line.strip_prefix("mount ")) {
        let place = mount.split(' ').next().unwrap();
        let kernels = ["/proc", "/sys", "/dev"].iter().any(|it| place.starts_with(it));
        assert!(kernels || MOUNTS.contains(&place), "the host shares {mount}");
    }
    let next = launch(&client, vec![step("First step.", &[])], &repository).await;
    ends(&client, next.id, Reason::Completed).await;
}

#[test]
fn the_same_script_gets_it_where_nothing_is_sealed() {
    let script = format!("{UNSEALED}\n{SCRIPT}");
    let mut arguments =
        vec!["run", "--rm", "--user=root", "--network=none", "--security-opt=seccomp=unconfined"];
    arguments.extend([
        "--cap-add=SYS_ADMIN",
        "--cap-add=SYS_PTRACE",
        "--cap-add=NET_ADMIN",
        "--cap-add=SYS_NICE",
    ]);
    let image = image();
    arguments.extend(["--entrypoint=bash", &image, "-c", &script]);
    // Its last lines end its own processes, so how it ends is no matter.
    let done = std::process::Command::new("docker").args(&arguments).output().unwrap();
    let got = outcomes(&String::from_utf8_lossy(&done.stdout), "got");
    let missing: Vec<_> = GOT_UNSEALED.split_whitespace().filter(|name| !got.contains(*name)).collect();
    assert!(missing.is_empty(), "these lines cannot fail: {missing:?}");
}
