//! Every key of the configuration, in one table: the names in files, in the environment and on the command line,
//! the defaults, the help and what may be shown of a value all follow from it.

mod table;

pub use table::GROUPS;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Its path in a TOML file, such as `redis.url`; all other names follow from it.
    pub path: &'static str,
    /// What a value looks like.
    pub kind: Kind,
    /// What holds when nobody sets it, written as a user would write it.
    pub default: Option<&'static str>,
    /// True if a value must never be printed; such a key can also be read from a file.
    pub secret: bool,
    /// True if a node that runs takes a new value when it is asked to read its configuration again.
    pub live: bool,
    /// A variable of another convention that counts where ours is set nowhere. For an address it is the port alone.
    pub fallback: Option<&'static str>,
    /// What it does, in a line.
    pub help: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An address and port to listen on.
    Address,
    /// A URL of the admin port.
    Url,
    /// A URL of Redis, which may carry a password.
    RedisUrl,
    /// A path, relative to the working directory.
    Path,
    /// Any text.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Count,
    /// A number of bytes, with or without a unit.
    Size,
    /// A length of time, with its unit.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list: an array in a file, commas elsewhere.
    List,
}

/// Keys that belong together in the help.
#[derive(Debug)]
#[non_exhaustive]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The keys, in the order to show them.
    pub keys: &'static [Key],
}

/// All keys of all groups.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    GROUPS.iter().flat_map(|group| group.keys)
}

impl Key {
    const fn new(path: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            path,
            kind,
            default: None,
            secret: false,
            live: false,
            fallback: None,
            help,
        }
    }

    const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    const fn fallback(mut self, variable: &'static str) -> Self {
        self.fallback = Some(variable);
        self
    }

    /// The key at `path`, if there is one.
    pub fn at(path: &str) -> Option<&'static Self> {
        keys().find(|key| key.path == path)
    }

    /// Its environment variable, such as `ROOMCAST_REDIS__URL`.
    pub fn variable(&self) -> String {
        format!("ROOMCAST_{}", self.path.to_uppercase().replace('.', "__"))
    }

    /// The variable that names a file with the value, such as `ROOMCAST_REDIS__URL_FILE`, for a secret.
    pub fn file_variable(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.variable()))
    }

    /// Its flag with the dashes, such as `--redis-url`.
    pub fn flag(&self) -> String {
        format!("--{}", self.path.replace(['.', '_'], "-"))
    }
}

impl Kind {
    /// What stands for a value in the help, such as `DURATION`.
    pub fn placeholder(self) -> String {
        match self {
            Self::Address => "ADDRESS:PORT".to_owned(),
            Self::Url | Self::RedisUrl => "URL".to_owned(),
            Self::Path => "PATH".to_owned(),
            Self::Text => "TEXT".to_owned(),
            Self::Switch => "true|false".to_owned(),
            Self::Count => "NUMBER".to_owned(),
            Self::Size => "SIZE".to_owned(),
            Self::Duration => "DURATION".to_owned(),
            Self::Choice(words) => words.join("|"),
            Self::List => "LIST".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_from_the_path() {
        let key = Key::at("jwt.public_key_file").unwrap();

        assert_eq!(key.variable(), "ROOMCAST_JWT__PUBLIC_KEY_FILE");
        assert_eq!(key.flag(), "--jwt-public-key-file");
        assert_eq!(key.file_variable(), None);

        let secret = Key::at("redis.url").unwrap();

        assert_eq!(
            secret.file_variable().as_deref(),
            Some("ROOMCAST_REDIS__URL_FILE")
        );
    }

    #[test]
    fn no_two_keys_share_a_name() {
        let mut flags = BTreeSet::new();
        let mut variables = BTreeSet::new();
        for key in keys() {
            assert!(flags.insert(key.flag()), "{} is a flag twice", key.flag());
            for variable in [Some(key.variable()), key.file_variable()]
                .into_iter()
                .flatten()
            {
                assert!(
                    variables.insert(variable.clone()),
                    "{variable} is a variable twice"
                );
            }
        }
    }

    #[test]
    fn no_key_hides_behind_what_kubernetes_injects() {
        for key in keys() {
            let variable = key.variable();
            assert!(
                !super::super::environment::is_injected(&variable),
                "{variable} would be ignored"
            );
        }
    }

    #[test]
    fn help_is_one_line_without_a_final_dot() {
        for key in keys() {
            assert!(
                !key.help.ends_with('.') && !key.help.contains('\n'),
                "{}",
                key.path
            );
            assert!(
                key.help.len() <= 72,
                "{}: {} characters",
                key.path,
                key.help.len()
            );
        }
    }
}
