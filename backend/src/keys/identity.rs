//! The certificate with which one executor proves that it is the one: self-signed, its key derived like the tokens.

use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{PrivatePkcs8KeyDer, ServerName},
    version::TLS13,
};
use zeroize::Zeroizing;

use super::Error;

/// The only name in the certificates: what counts is the key.
const NAME: &str = "executor";
/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// An executor's identity, as the backend holds both sides of it.
#[derive(Clone)]
pub struct Identity {
    pem: Zeroizing<String>,
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Identity {
    pub(super) fn new(seed: &[u8; 32]) -> Result<Self, Error> {
        let failed = Error::Certificate;
        let key = PrivatePkcs8KeyDer::from([&PKCS8[..], seed].concat());
        let key = KeyPair::try_from(&key).map_err(|error| failed(error.into()))?;
        let mut parameters =
            CertificateParams::new([NAME.to_owned()]).map_err(|error| failed(error.into()))?;
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = parameters.self_signed(&key).map_err(|error| failed(error.into()))?;
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.der().clone()).map_err(|error| failed(error.into()))?;
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| failed(error.into()))?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let pem = Zeroizing::new(format!("{}{}", certificate.pem(), key.serialize_pem()));
        let name = ServerName::try_from(NAME).map_err(|error| failed(error.into()))?;
        Ok(Self { pem, client: Arc::new(client), name })
    }

    /// The certificate and its key, for the executor.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// How the backend speaks TLS to this executor: it accepts this certificate and no other.
    #[must_use]
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    /// The name to ask it for.
    #[must_use]
    pub fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }
}
