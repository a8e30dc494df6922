//! Which system calls nobody in the container makes, beside those that the engine's own profile refuses: sockets
//! that no packet filter sees, and interfaces of the kernel that let a process around both.
//!
//! A second filter on top of the engine's: the stricter of the two decides. It is inherited for good.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition as Condition,
    SeccompFilter, SeccompRule as Rule,
};

/// The families a process needs: itself, IPv4, IPv6, and the kernel's list of interfaces. Not among them are
/// `AF_VSOCK`, which leads to the hypervisor, `AF_PACKET`, Bluetooth, and whatever comes next.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// What is refused whatever its arguments. Requests in a ring are system calls that no filter sees.
const REFUSED: [libc::c_long; 10] = [
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_process_vm_writev,
];

/// Puts the filter on this thread and all that it will start. A 32-bit program, whose calls have other numbers, is
/// killed.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn refuse() -> Result<()> {
    seccompiler::apply_filter(&program()?).context("the filter of system calls cannot be set")
}

fn program() -> Result<BpfProgram> {
    let other = |family: i32| {
        Condition::new(0, Length::Dword, Is::Ne, u64::from(family.unsigned_abs()))
            .context("no such condition")
    };
    let foreign = Rule::new(FAMILIES.into_iter().map(other).collect::<Result<_>>()?)?;
    let mut rules: BTreeMap<i64, Vec<Rule>> = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, vec![foreign.clone()]);
    rules.insert(libc::SYS_socketpair, vec![foreign]);
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, refusal, std::env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use nix::{
        errno::Errno,
        sys::socket::{AddressFamily, SockFlag, SockType, socket},
    };

    use super::*;

    /// On a thread of its own: the filter stays for its life.
    #[test]
    fn only_the_families_that_a_packet_filter_sees_are_left() {
        let tried = std::thread::spawn(|| {
            nix::sys::prctl::set_no_new_privs().unwrap();
            refuse().unwrap();
            let open = |family| socket(family, SockType::Datagram, SockFlag::empty(), None).map(drop);
            assert_eq!(open(AddressFamily::Vsock), Err(Errno::EPERM));
            assert_eq!(open(AddressFamily::Packet), Err(Errno::EPERM));
            for family in [AddressFamily::Unix, AddressFamily::Inet, AddressFamily::Netlink] {
                assert_eq!(open(family), Ok(()), "{family:?}");
            }
            std::fs::read_to_string("/proc/self/status").unwrap()
        });
        // What it reads is the whole process, whose first thread has no filter: only that it could go on counts.
        assert!(tried.join().unwrap().contains("Name:"));
    }
}
