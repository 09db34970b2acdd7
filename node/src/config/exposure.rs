//! A configuration that is valid and yet deserves a word: the built-in gateways, open to everyone.

use super::Config;

/// What to do about it.
pub(crate) const EXPOSED: &str = "whoever reaches this address may use the built-in gateways without a token: set jwt.secret, \
     jwt.public_key_file or jwt.jwks_file, and jwt.namespaces to /,/events; or leave the gateways out with gateways; or let \
     listen be 127.0.0.1";

impl Config {
    /// Whether a stranger may use what is there to try things out: the address is no loopback one, some built-in gateway is
    /// served, and there is no key for tokens.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.listen.ip().to_canonical().is_loopback()
            && !self.gateways.is_empty()
            && !self.jwt.is_on()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_gateways_are_exposed_on_a_public_address_without_a_key() {
        let exposed = |flags: &[&str]| {
            let config = Config::load(flags.iter().map(Into::into), []);
            config.unwrap().is_exposed()
        };

        assert!(exposed(&[]), "as it comes");
        assert!(exposed(&["--listen", "10.1.2.3:80", "--gateways", "chat"]));
        assert!(exposed(&["--listen", "[::]:80"]));
        assert!(exposed(&["--listen", "[::ffff:10.0.0.1]:80"]));
        for listen in [
            "127.0.0.1:80",
            "127.9.9.9:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(!exposed(&["--listen", listen]), "{listen}");
        }
        assert!(!exposed(&["--gateways", ""]));
        assert!(!exposed(&["--jwt-secret", "word"]));
        assert!(!exposed(&["--jwt-jwks-file", "/keys.json"]));
    }
}
