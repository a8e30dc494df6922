//! The keys that an SSH server may have, in OpenSSH's format. A server that shows another one is refused:
//! nothing is ever learnt.

use hmac::{Hmac, Mac};
use russh::keys::{
    Algorithm, HashAlg, PublicKey,
    ssh_key::known_hosts::{HostPatterns, KnownHosts as Lines, Marker},
};
use sha1::Sha1;

/// The keys of one host.
#[derive(Debug)]
pub(in crate::broker::git) struct KnownHosts {
    good: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
}

impl KnownHosts {
    /// Picks this host's keys.
    ///
    /// # Errors
    /// When a line cannot be read, or none is for this host.
    pub(in crate::broker::git) fn parse(text: &str, host: &str, port: u16) -> Result<Self, String> {
        let bare = host.trim_matches(['[', ']']);
        let name = if port == 22 { bare.to_owned() } else { format!("[{bare}]:{port}") };
        let mut known = Self { good: Vec::new(), revoked: Vec::new() };
        for (at, line) in Lines::new(text).enumerate() {
            let line = line.map_err(|_| format!("`knownHosts`: entry {} cannot be read", at + 1))?;
            if !is_for(line.host_patterns(), &name) {
                continue;
            }
            match line.marker() {
                None => known.good.push(line.public_key().clone()),
                Some(Marker::Revoked) => known.revoked.push(line.public_key().clone()),
                // Certificates of hosts are not asked for.
                Some(Marker::CertAuthority) => {}
            }
        }
        if known.good.iter().all(|key| known.is_revoked(key)) {
            return Err(format!(
                "`knownHosts` has no key for {name}: add what `ssh-keyscan` shows, once checked"
            ));
        }
        Ok(known)
    }

    /// Whether the server may have this key.
    pub(super) fn knows(&self, key: &PublicKey) -> bool {
        self.good.iter().any(|good| good.key_data() == key.key_data()) && !self.is_revoked(key)
    }

    fn is_revoked(&self, key: &PublicKey) -> bool {
        self.revoked.iter().any(|revoked| revoked.key_data() == key.key_data())
    }

    /// The kinds of keys to ask the server for: one that is known, not one that is not.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let mut all = Vec::new();
        for key in self.good.iter().filter(|key| !self.is_revoked(key)) {
            let of_key = match key.algorithm() {
                // SHA-1 is never enough.
                Algorithm::Rsa { .. } => vec![
                    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
                    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
                ],
                other => vec![other],
            };
            all.extend(of_key.into_iter().filter(|algorithm| !all.contains(algorithm)).collect::<Vec<_>>());
        }
        all
    }
}

fn is_for(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::Patterns(patterns) => {
            let matches = |pattern: &str| matches(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes());
            let refused = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(matches);
            !refused && patterns.iter().any(|pattern| matches(pattern))
        }
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|hmac| hmac.chain_update(name).verify_slice(hash).is_ok()),
    }
}

/// OpenSSH's patterns: `*` is anything, `?` one character. Takes no longer than their lengths multiplied, whatever
/// the pattern: only the last `*` is ever stretched.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // After the last `*`, and where the name goes on behind what that one stands for.
    let mut star = None;
    while let Some(byte) = name.get(read) {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                at += 1;
                star = Some((at, read));
            }
            (Some(wanted), _) if *wanted == b'?' || wanted == byte => (at, read) = (at + 1, read + 1),
            (_, Some((after, taken))) => {
                (at, read) = (after, taken + 1);
                star = Some((after, read));
            }
            _ => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
