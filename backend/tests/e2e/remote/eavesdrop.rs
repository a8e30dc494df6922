//! Somebody on the network: hears every packet that passes on one interface.

use std::{
    fs::File,
    io::Read,
    sync::mpsc::{self, Receiver},
    thread,
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, bind, socket},
};

use crate::harness::PATIENCE;

/// What passes on an interface, from now on.
pub(super) struct Eavesdrop(Receiver<Vec<u8>>);

impl Eavesdrop {
    pub(super) fn start(interface: String) -> Self {
        let family = (AddressFamily::Packet, SockType::Raw, SockFlag::empty(), SockProtocol::EthAll);
        let socket = socket(family.0, family.1, family.2, family.3).expect("a packet socket");
        let mut addresses = getifaddrs().expect("the interfaces");
        let address = addresses.find_map(|it| {
            let link = it.address.and_then(|address| address.as_link_addr().copied());
            link.filter(|_| it.interface_name == interface)
        });
        let address = address.expect("the interface's address");
        bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).expect("bound");
        let (sender, packets) = mpsc::channel();
        // Ends with the interface.
        thread::spawn(move || {
            let mut socket = File::from(socket);
            let mut packet = vec![0; 1 << 17];
            while let Ok(length) = socket.read(&mut packet) {
                if sender.send(packet[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self(packets)
    }

    /// Everything until a packet with these bytes has come, that one left out.
    pub(super) fn until(self, last: &[u8]) -> Vec<u8> {
        let mut passed = Vec::new();
        loop {
            let packet = self.0.recv_timeout(PATIENCE).expect("it passes");
            if packet.windows(last.len()).any(|part| part == last) {
                return passed;
            }
            passed.extend(packet);
        }
    }
}
