//! TLS of the public port: the certificate that clients are shown, read again when its files change.

use std::{fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::stream::{Early, Stream};
use crate::{
    config::Tls,
    redis::{TlsError, certificates, private_key},
    watched::Watched,
};

/// Takes TLS connections. A cheap handle.
#[derive(Clone)]
pub(crate) struct Encryption(TlsAcceptor);

/// The certificate in force. Its files are looked at when a client connects.
#[derive(Debug)]
struct Certificate {
    files: Tls,
    key: Watched<Arc<CertifiedKey>>,
}

impl Encryption {
    /// Reads the files for the first time.
    ///
    /// # Errors
    ///
    /// [`TlsError`], which names the key of the configuration.
    pub(crate) fn new(files: &Tls) -> Result<Self, TlsError> {
        let paths = [files.cert_file.clone(), files.key_file.clone()];
        let certificate = Certificate {
            key: Watched::open(paths, || load(files))?,
            files: files.clone(),
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Certificate)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificate));
        // WebSockets are opened over HTTP/1.1 alone.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config).into()))
    }

    /// Begins TLS on a connection of which `read` was read already.
    ///
    /// # Errors
    ///
    /// What is wrong with what the client says.
    pub(super) async fn begin(&self, stream: TcpStream, read: Bytes) -> std::io::Result<Stream> {
        let stream = self.0.accept(Early::new(stream, read)).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl Certificate {
    fn changed(&self) -> Option<Arc<CertifiedKey>> {
        match load(&self.files) {
            Ok(key) => {
                tracing::info!(path = %self.files.cert_file.display(), "the certificate has changed");
                Some(key)
            }
            // The two files are written one after the other: the next look finds both.
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the new certificate cannot be used, the old one stays in force"
                );
                None
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.current(SystemTime::now(), || self.changed()))
    }
}

fn load(files: &Tls) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates("tls.cert_file", &files.cert_file)?;
    let key = private_key("tls.key_file", &files.key_file)?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    key.map(Arc::new).map_err(TlsError::Certificate)
}

impl fmt::Debug for Encryption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encryption").finish_non_exhaustive()
    }
}
