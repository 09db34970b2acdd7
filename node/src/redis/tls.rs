//! TLS to Redis: whom this node trusts, and who it says it is. And what any file for TLS holds.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use fred::types::config::TlsConnector;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use crate::config::RedisTls;

/// Why there is no TLS as the configuration asks for: to Redis, or on the public port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {key} {path:?}")]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// What it names.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{key} {path:?} holds no {expected}")]
    Content {
        /// The key of the configuration.
        key: &'static str,
        /// What it names.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        #[source]
        source: Option<pem::Error>,
    },
    /// This machine trusts nobody.
    #[error(
        "this machine has no certificates of authorities to check that of redis: set redis.ca_file"
    )]
    NoAuthorities,
    /// Authorities, certificate and key do not make a whole.
    #[error("the files redis.ca_file, redis.cert_file and redis.key_file do not fit")]
    Unfit(#[source] rustls::Error),
    /// The certificate of the public port and its key do not make a whole.
    #[error("the files tls.cert_file and tls.key_file do not fit")]
    Certificate(#[source] rustls::Error),
}

/// Reads the files.
pub(super) fn connector(tls: &RedisTls) -> Result<TlsConnector, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unfit)?
        .with_root_certificates(authorities(tls.ca_file.as_deref())?);
    let config = match (&tls.cert_file, &tls.key_file) {
        (Some(cert_file), Some(key_file)) => {
            let chain = certificates("redis.cert_file", cert_file)?;
            let key = private_key("redis.key_file", key_file)?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Unfit)?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(config.into())
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates("redis.ca_file", file)? {
                store.add(certificate).map_err(TlsError::Unfit)?;
            }
        }
        None => {
            // One that cannot be read is one that is not trusted; the others will do.
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                return Err(TlsError::NoAuthorities);
            }
        }
    }
    Ok(store)
}

/// The private key in a file.
pub(crate) fn private_key(
    key: &'static str,
    path: &Path,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(key, path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| content(key, path, "private key in PEM", error))
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    const EXPECTED: &str = "certificate in PEM";
    let text = read(key, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| content(key, path, EXPECTED, error))?;
    if certificates.is_empty() {
        return Err(content(key, path, EXPECTED, None));
    }
    Ok(certificates)
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        key,
        path: path.to_owned(),
        source,
    })
}

fn content(
    key: &'static str,
    path: &Path,
    expected: &'static str,
    source: impl Into<Option<pem::Error>>,
) -> TlsError {
    TlsError::Content {
        key,
        path: path.to_owned(),
        expected,
        source: source.into(),
    }
}
