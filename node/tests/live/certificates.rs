//! Authorities and certificates of a test's own, made by openssl.

use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

/// An authority, and what it has signed.
pub(crate) struct Authority(TempDir);

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
             -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem",
        );
        for name in ["server", "client"] {
            authority.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
                 -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout {name}.key -out {name}.csr"
            ));
            authority.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                 -copy_extensions copy -out {name}.pem"
            ));
        }
        authority
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A redis-server's settings for TLS only, which wants certificates of its clients as `clients` says.
    pub(crate) fn settings(&self, port: u16, clients: &str) -> Vec<String> {
        let file = |name| self.file(name).to_str().unwrap().to_owned();
        let port = port.to_string();
        let settings = [
            ["--port", "0"],
            ["--tls-port", &port],
            ["--tls-ca-cert-file", &file("ca.pem")],
            ["--tls-cert-file", &file("server.pem")],
            ["--tls-key-file", &file("server.key")],
            ["--tls-auth-clients", clients],
            ["--tls-replication", "yes"],
        ];
        settings.concat().iter().map(ToString::to_string).collect()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("these tests make certificates with openssl, which has to be installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}
