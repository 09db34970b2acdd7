//! The part of the configuration that can change while a node runs, and whoever follows it.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{
    auth::{KeyError, Verifier},
    config::{Config, Jwt, Limits},
};

/// What is in force. A cheap handle.
///
/// Keys that can change are marked `live` in the table of keys. Their values are looked up with [`now`](Self::now) where
/// they are used, or handed on by [`Handle::reload`](crate::Handle::reload) where that would cost too much.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    config: Arc<RwLock<Arc<Config>>>,
    keys: Option<Keys>,
}

/// The keys that tokens are verified with. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct Keys(Arc<RwLock<Arc<Verifier>>>);

/// Why a new configuration is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Files with the keys of tokens cannot be used.
    #[error("{}", .0.iter().map(|error| format!("{error}: {}", error.source)).collect::<Vec<_>>().join("; "))]
    Keys(Vec<KeyError>),
    /// Whether tokens are wanted at all is decided when a node starts.
    #[error("jwt: expected {} at the start", if *.is_on { "keys, as there were" } else { "no keys, as there were none" })]
    Authentication {
        /// Whether they were wanted then.
        is_on: bool,
    },
}

impl Live {
    /// Reads the keys of tokens for the first time.
    pub(crate) fn new(config: &Config) -> Result<Self, KeyError> {
        let verifier = Verifier::new(&config.jwt)?;
        Ok(Self {
            config: Arc::new(RwLock::new(Arc::new(config.clone()))),
            keys: verifier.map(|verifier| Keys(Arc::new(RwLock::new(Arc::new(verifier))))),
        })
    }

    /// The configuration in force. What cannot change in a node that runs is as it was at the start.
    pub(crate) fn now(&self) -> Arc<Config> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        config.clone()
    }

    /// The keys of tokens, where there are any.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// Takes what can change of `new`; all of it or nothing.
    pub(crate) fn take(&self, new: &Config) -> Result<(), ReloadError> {
        let Config {
            cors,
            jwt,
            limits,
            log,
            session,
            ..
        } = new.clone();
        let is_on = self.keys.is_some();
        if jwt.is_on() != is_on {
            return Err(ReloadError::Authentication { is_on });
        }
        let mistakes = Verifier::mistakes(&jwt);
        if !mistakes.is_empty() {
            return Err(ReloadError::Keys(mistakes));
        }
        let verifier = Verifier::new(&jwt).map_err(|error| ReloadError::Keys(vec![error]))?;
        if let (Some(keys), Some(verifier)) = (&self.keys, verifier) {
            *keys.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(verifier);
        }
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        let config = Arc::make_mut(&mut config);
        config.cors = cors;
        config.log.level = log.level;
        config.session = session;
        config.jwt = Jwt {
            namespaces: std::mem::take(&mut config.jwt.namespaces),
            ..jwt
        };
        // The engine is built with the others.
        config.limits = Limits {
            message_size: config.limits.message_size,
            write_stall: config.limits.write_stall,
            handshake_timeout: config.limits.handshake_timeout,
            ..limits
        };
        Ok(())
    }
}

impl Keys {
    /// The verifier in force.
    pub(crate) fn now(&self) -> Arc<Verifier> {
        let verifier = self.0.read().unwrap_or_else(PoisonError::into_inner);
        verifier.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CorsOrigins, Secret};

    #[test]
    fn what_can_change_does_and_the_rest_stays() {
        let mut config = Config::default();
        config.jwt.secret = Some(Secret::new("one of at least thirty-two bytes"));
        let live = Live::new(&config).unwrap();
        let before = live.keys().unwrap().now();
        let mut new = config.clone();
        new.cors.origins = CorsOrigins::Any;
        new.jwt.namespaces = vec!["/events".to_owned()];
        new.drain.rate = 7;
        new.limits.connections = Some(7);
        new.limits.message_size = 7;
        new.session.keys = vec![Secret::new("another one")];

        live.take(&new).unwrap();

        let now = live.now();
        assert_eq!(now.cors.origins, CorsOrigins::Any);
        assert_eq!(now.limits.connections, Some(7));
        assert_eq!(now.session, new.session);
        assert_eq!(now.limits.message_size, config.limits.message_size);
        assert_eq!(now.drain.rate, config.drain.rate);
        assert_eq!(now.jwt.namespaces, config.jwt.namespaces);
        assert!(!Arc::ptr_eq(&before, &live.keys().unwrap().now()));
    }

    #[test]
    fn tokens_are_neither_asked_for_nor_waived_in_a_node_that_runs() {
        let open = Config::default();
        let mut closed = Config::default();
        closed.jwt.secret = Some(Secret::new("one of at least thirty-two bytes"));

        for (before, after) in [(&open, &closed), (&closed, &open)] {
            let live = Live::new(before).unwrap();
            let mut after = after.clone();
            after.cors.origins = CorsOrigins::Any;

            let refused = live.take(&after);

            assert!(matches!(refused, Err(ReloadError::Authentication { .. })));
            assert_eq!(
                live.now().cors.origins,
                before.cors.origins,
                "nothing was taken"
            );
        }
    }

    #[test]
    fn a_file_of_keys_that_cannot_be_used_refuses_everything() {
        let mut config = Config::default();
        config.jwt.secret = Some(Secret::new("one of at least thirty-two bytes"));
        let live = Live::new(&config).unwrap();
        config.jwt.jwks_file = Some("/does/not/exist".into());
        config.cors.origins = CorsOrigins::Any;

        let refused = live.take(&config).unwrap_err();

        assert!(refused.to_string().contains("jwt.jwks_file"), "{refused}");
        assert_eq!(live.now().cors.origins, CorsOrigins::SameOrigin);
    }
}
