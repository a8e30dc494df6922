//! System calls that nobody in the container may make, whatever the engine's own profile allows.
//!
//! The rules see what goes through the network's layers. A socket of another family goes past them: `AF_VSOCK` reaches
//! the host of a virtual machine and belongs to no network namespace. `io_uring` opens sockets without `socket`.

use std::{collections::BTreeMap, env::consts::ARCH};

use anyhow::{Context, Result};
use nix::libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, EPERM, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_io_uring_setup, SYS_socket,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// What sockets may be: of this machine, or such that the rules see all of it.
const FAMILIES: [i32; 4] = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK];
/// Added to a call's number by programs of the x32 kind.
const X32: i64 = 0x4000_0000;

/// Refuses them to this process and to everything it will start, for good. A program for another kind of
/// processor (32 bit), whose calls have other numbers, is killed at its first call.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn refuse() -> Result<()> {
    seccompiler::apply_filter(&program()?).context("system calls cannot be refused")
}

fn program() -> Result<BpfProgram> {
    let other = FAMILIES.map(|family| {
        let family = u64::try_from(family)?;
        Ok::<_, anyhow::Error>(SeccompCondition::new(0, Dword, SeccompCmpOp::Ne, family)?)
    });
    let other = SeccompRule::new(other.into_iter().collect::<Result<_>>()?)?;
    let mut rules = BTreeMap::new();
    for kind in [0, X32] {
        rules.insert(SYS_socket | kind, vec![other.clone()]);
        for call in [SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register] {
            // No condition: always.
            rules.insert(call | kind, Vec::new());
        }
    }
    let refused = SeccompAction::Errno(u32::try_from(EPERM)?);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use nix::{
        errno::Errno,
        sys::socket::{AddressFamily, SockFlag, SockType, socket},
    };

    use super::*;

    #[test]
    fn only_sockets_that_the_rules_see_can_be_opened() {
        let open = |family| socket(family, SockType::Stream, SockFlag::empty(), None);
        // A filter is the thread's; the others of this process keep their rights.
        std::thread::scope(|scope| {
            let sealed = scope.spawn(|| {
                refuse().unwrap();
                for family in [AddressFamily::Unix, AddressFamily::Inet] {
                    assert!(open(family).is_ok(), "{family:?}");
                }
                for family in [AddressFamily::Vsock, AddressFamily::Packet, AddressFamily::Alg] {
                    assert_eq!(open(family).unwrap_err(), Errno::EPERM, "{family:?}");
                }
            });
            sealed.join().unwrap();
        });
    }
}
