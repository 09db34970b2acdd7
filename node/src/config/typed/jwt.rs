//! The keys of tokens, and what must stand beside them. The files are read when a node is bound, or checked.

use crate::config::setting::Settings;
use crate::config::{Jwt, Secret};

pub(super) fn read(settings: &mut Settings) -> Jwt {
    let jwt = Jwt {
        secret: settings.optional("jwt.secret"),
        public_key_file: settings.optional("jwt.public_key_file"),
        jwks_file: settings.optional("jwt.jwks_file"),
        issuer: settings.optional("jwt.issuer"),
        audience: settings.optional("jwt.audience"),
        leeway: settings.value("jwt.leeway"),
        namespaces: settings.list("jwt.namespaces"),
    };
    if jwt.secret.as_ref().is_some_and(is_pem) {
        settings.refuse(
            "jwt.secret",
            "expected a secret, not a key in PEM: whoever knows a public key could sign with it; \
             jwt.public_key_file takes one",
        );
    }
    for (path, text) in [("jwt.issuer", &jwt.issuer), ("jwt.audience", &jwt.audience)] {
        if text.as_ref().is_some_and(String::is_empty) {
            settings.refuse(path, "expected a text that is not empty");
        }
    }
    if let Some(name) = jwt.namespaces.iter().find(|name| !name.starts_with('/')) {
        let expected = format!("expected namespaces, which start with /, unlike {name:?}");
        settings.refuse("jwt.namespaces", expected);
    }
    // Nobody can pass a check that has no key, and a node without any must not look protected.
    let has_key = ["jwt.secret", "jwt.public_key_file", "jwt.jwks_file"]
        .iter()
        .any(|path| settings.has(path));
    if !has_key {
        for (path, is_set) in [
            ("jwt.issuer", jwt.issuer.is_some()),
            ("jwt.audience", jwt.audience.is_some()),
            ("jwt.namespaces", !jwt.namespaces.is_empty()),
        ] {
            if is_set {
                settings.refuse(
                    path,
                    "expected jwt.secret, jwt.public_key_file or jwt.jwks_file beside it",
                );
            }
        }
    }
    jwt
}

fn is_pem(secret: &Secret) -> bool {
    secret.expose().contains("-----BEGIN ")
}
