//! `roomcast check`: is the configuration valid, and what is in force?

use super::Answer;
use crate::auth::{KeyError, Verifier};
use crate::config::{Config, EXPOSED, InForce, Source, Sources};
use crate::connection::Encryption;
use crate::http::chain;

/// What is shown although nobody set it.
const ALWAYS: [&str; 2] = ["listen", "admin.listen"];

/// Reads everything as `serve` would, and starts nothing.
pub(super) fn run(sources: &Sources) -> Result<Answer, Answer> {
    let (config, mut in_force) = report(sources)?;
    in_force.retain(|line| line.from != Source::Default || ALWAYS.contains(&line.path));
    let mut text = "the configuration is valid\n".to_owned();
    for line in lines(&in_force) {
        text.push_str(&format!("  {line}"));
    }
    if config.redis.url.is_none() {
        text.push_str("without redis.url, this node is alone\n");
    }
    text.push_str("all other keys have their defaults\n");
    if config.is_exposed() {
        text.push_str(&format!("warning: {}: {EXPOSED}\n", config.listen));
    }
    Ok(Answer::good(text))
}

/// The configuration and what is in force, unless `serve` would refuse it.
pub(super) fn report(sources: &Sources) -> Result<(Config, Vec<InForce>), Answer> {
    let (config, in_force) = sources.report()?;
    let mistakes = Verifier::mistakes(&config.jwt);
    let mistakes = mistakes.iter().map(|mistake| line(mistake, &in_force));
    let encryption = config.tls.as_ref().map(Encryption::new);
    let mistakes = mistakes.chain(encryption.and_then(Result::err).map(|error| chain(&error)));
    let mistakes: Vec<_> = mistakes.collect();
    if mistakes.is_empty() {
        return Ok((config, in_force));
    }
    Err(Answer::mistakes(&mistakes))
}

/// A line for each key, for people.
pub(super) fn lines(in_force: &[InForce]) -> Vec<String> {
    let widths = in_force.iter().map(|line| line.path.len());
    let width = widths.max().unwrap_or_default();
    let lines = in_force.iter().map(|line| match &line.value {
        Some(value) => format!("{:width$}  {value} {}\n", line.path, line.from),
        None => format!("{:width$}  not set\n", line.path),
    });
    lines.collect()
}

/// What is wrong with a file, in the form of all other mistakes.
fn line(mistake: &KeyError, in_force: &[InForce]) -> String {
    let line = in_force.iter().find(|line| line.path == mistake.key);
    let from = line.and_then(|line| Some(format!("{} {}: ", line.value.as_ref()?, line.from)));
    let from = from.unwrap_or_default();
    format!("{}: {from}{}", mistake.key, mistake.source)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::Exit;

    fn check(flags: &[&str], environment: &[(&str, &str)]) -> Answer {
        let sources = Sources::new(
            flags.iter().map(OsString::from),
            environment
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        run(&sources).unwrap_or_else(|answer| answer)
    }

    #[test]
    fn a_valid_configuration_is_shown_with_its_sources_and_without_secrets() {
        let answer = check(
            &["--drain-grace", "7s"],
            &[("PORT", "8080"), ("REDIS_URL", "redis://:word@redis:6379")],
        );

        assert_eq!(answer.exit, Exit::Clean);
        assert_eq!(
            answer.text,
            "the configuration is valid\n  \
             listen        \"0.0.0.0:8080\" from environment PORT\n  \
             admin.listen  \"127.0.0.1:9090\" by default\n  \
             redis.url     \"redis://redis:6379\" from environment REDIS_URL\n  \
             drain.grace   \"7s\" from flag --drain-grace\n\
             all other keys have their defaults\n\
             warning: 0.0.0.0:8080: whoever reaches this address may use the built-in gateways without a token: set \
             jwt.secret, jwt.public_key_file or jwt.jwks_file, and jwt.namespaces to /,/events; or leave the gateways out \
             with gateways; or let listen be 127.0.0.1\n"
        );
    }

    #[test]
    fn a_node_that_strangers_cannot_use_is_not_warned_of() {
        for flags in [
            ["--listen", "127.0.0.1:3000"],
            ["--jwt-secret", "word"],
            ["--gateways", ""],
        ] {
            let answer = check(&flags, &[]);
            assert!(!answer.text.contains("warning"), "{}", answer.text);
        }
    }

    #[test]
    fn a_node_without_redis_is_told_that_it_is_alone() {
        assert!(
            check(&[], &[])
                .text
                .contains("without redis.url, this node is alone\n")
        );
    }

    #[test]
    fn files_of_keys_are_read_and_all_that_is_wrong_is_told() {
        let key = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/auth/testdata/small.pub.pem"
        );
        let answer = check(
            &["--jwt-public-key-file", key],
            &[("ROOMCAST_JWT__JWKS_FILE", "/none")],
        );

        assert_eq!(answer.exit, Exit::Misconfigured);
        assert_eq!(
            answer.complaint,
            format!(
                "2 mistakes in the configuration:\n  \
                 jwt.public_key_file: {key:?} from flag --jwt-public-key-file: \
                 expected an RSA key of 2048 to 8192 bits, this one has 1024\n  \
                 jwt.jwks_file: \"/none\" from environment ROOMCAST_JWT__JWKS_FILE: \
                 expected a readable file: No such file or directory (os error 2)\n"
            )
        );
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_told() {
        let set = concat!(env!("CARGO_MANIFEST_DIR"), "/src/auth/testdata/jwks.json");
        let answer = check(&["--tls-cert-file", set, "--tls-key-file", "/none"], &[]);

        assert_eq!(answer.exit, Exit::Misconfigured);
        assert_eq!(
            answer.complaint,
            format!(
                "1 mistake in the configuration:\n  tls.cert_file {set:?} holds no certificate in PEM\n"
            )
        );
    }

    #[test]
    fn good_keys_are_shown_and_the_secret_is_not() {
        let set = concat!(env!("CARGO_MANIFEST_DIR"), "/src/auth/testdata/jwks.json");
        let answer = check(&["--jwt-jwks-file", set], &[("JWT_SECRET", "word")]);

        assert_eq!(answer.exit, Exit::Clean, "{}", answer.text);
        assert!(
            answer
                .text
                .contains("jwt.secret     (hidden) from environment JWT_SECRET\n"),
            "{}",
            answer.text
        );
    }

    #[test]
    fn mistakes_are_shown_and_end_with_64() {
        let answer = check(&["--drain-rate", "fast"], &[]);

        assert_eq!(answer.exit, Exit::Misconfigured);
        assert_eq!(
            answer.complaint,
            "1 mistake in the configuration:\n  \
             drain.rate: \"fast\" from flag --drain-rate: expected a whole number\n"
        );
    }
}
