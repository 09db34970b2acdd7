//! Which name was meant by one that does not exist.

use super::key::{Key, keys};

/// The key that `name` is most likely a misspelling of, however its parts are joined.
///
/// `ROOMCAST_REDIS_URL`, `--redis.url` and `redis.ulr` all mean `redis.url`. The last part alone will do where only one
/// key ends so.
pub(super) fn nearest_key(name: &str) -> Option<&'static Key> {
    let wanted = flat(name);
    if let Some(path) = nearest_word(&wanted, keys().map(|key| flat(key.path))) {
        return keys().find(|key| flat(key.path) == path);
    }
    let ending = format!("-{wanted}");
    let mut candidates = keys().filter(|key| flat(key.path).ends_with(&ending));
    let only = candidates.next()?;
    candidates.next().is_none().then_some(only)
}

/// The key that `name` is but for how its parts are joined.
pub(super) fn same_key(name: &str) -> Option<&'static Key> {
    let wanted = flat(name);
    keys().find(|key| flat(key.path) == wanted)
}

/// True if `name` is most likely a misspelling of what names the configuration file.
pub(super) fn is_like_config(name: &str) -> bool {
    nearest_word(&flat(name), ["config"]).is_some()
}

/// The word nearest to `wanted`, if one is near enough to have been meant.
pub(crate) fn nearest_word<W: AsRef<str>>(
    wanted: &str,
    words: impl IntoIterator<Item = W>,
) -> Option<W> {
    // A third of the letters, because suggestions further away than that amuse rather than help.
    let limit = (wanted.chars().count() / 3).clamp(1, 4);
    words
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(wanted, word.as_ref()), word))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A name of any source as lowercase words joined by dashes.
fn flat(name: &str) -> String {
    let name = name.strip_prefix("ROOMCAST_").unwrap_or(name);
    name.to_lowercase()
        .split(['.', '_', '-'])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_key() {
        for (name, meant) in [
            ("redis.ulr", Some("redis.url")),
            ("ROOMCAST_REDIS_URL", Some("redis.url")),
            ("--redis.url", Some("redis.url")),
            ("--lisen", Some("listen")),
            ("message_size", Some("limits.message_size")),
            ("jwt.secert", Some("jwt.secret")),
            ("url", None),
            ("colour", None),
            ("", None),
            ("ROOMCAST_", None),
        ] {
            assert_eq!(nearest_key(name).map(|key| key.path), meant, "{name}");
        }
    }
}
