//! TLS of the public port: the certificate that clients are shown, read again when its files change.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

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
};

/// How often the files are looked at, at most; a look is two `stat`s.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes TLS connections. A cheap handle.
#[derive(Clone)]
pub(crate) struct Encryption(TlsAcceptor);

/// The certificate in force. Its files are looked at when a client connects, so that no task has to run.
#[derive(Debug)]
struct Certificate {
    files: Tls,
    /// Guards what is known of the files. It is not held while they are read: others go on with the old ones.
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    key: Arc<CertifiedKey>,
    /// The versions of both files that were looked at last, also where they were no good.
    stamps: Stamps,
    looked: Instant,
}

/// What tells two versions of a file apart: when it was written, and its length. `None` is a file that is away.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Encryption {
    /// Reads the files for the first time.
    ///
    /// # Errors
    ///
    /// [`TlsError`], which names the key of the configuration.
    pub(crate) fn new(files: &Tls) -> Result<Self, TlsError> {
        let stamps = stamps(files);
        let certificate = Certificate {
            known: Mutex::new(Known {
                key: load(files)?,
                stamps,
                looked: Instant::now(),
            }),
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
    fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut known = self.known();
        if now.duration_since(known.looked) < PAUSE {
            return known.key.clone();
        }
        known.looked = now;
        let before = known.stamps;
        drop(known);

        let stamps = stamps(&self.files);
        if stamps == before {
            return self.known().key.clone();
        }
        let loaded = load(&self.files);
        let mut known = self.known();
        known.stamps = stamps;
        match loaded {
            Ok(key) => {
                tracing::info!(path = %self.files.cert_file.display(), "the certificate has changed");
                known.key = key;
            }
            // The two files are written one after the other: the next look finds both.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the new certificate cannot be used, the old one stays in force"
            ),
        }
        known.key.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(Instant::now()))
    }
}

fn load(files: &Tls) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates("tls.cert_file", &files.cert_file)?;
    let key = private_key("tls.key_file", &files.key_file)?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    key.map(Arc::new).map_err(TlsError::Certificate)
}

fn stamps(files: &Tls) -> Stamps {
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    [stamp(&files.cert_file), stamp(&files.key_file)]
}

impl fmt::Debug for Encryption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encryption").finish_non_exhaustive()
    }
}
