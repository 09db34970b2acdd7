//! A TOML file with every key, made from the table: to read, and to begin with.

use serde_json::Value;

use super::key::{Key, Kind, keys};
use super::setting::typed;

/// What `admin.url` is where nobody sets it depends on `admin.listen`; a line with its default would stop that.
const FOLLOWS: &str = "admin.url";

const HEAD: &str = "\
# Every key of Roomcast with its default; what has none is commented out. Keep the lines that you change: a flag and an
# environment variable win over this file, and PORT, REDIS_URL and JWT_SECRET count only where it is silent.
";

/// The file.
pub(crate) fn template() -> String {
    let mut text = HEAD.to_owned();
    // In TOML, keys of no table come first.
    for key in keys().filter(|key| !key.path.contains('.')) {
        entry(&mut text, key, key.path);
    }
    let mut tables: Vec<&str> = Vec::new();
    for key in keys() {
        if let Some((table, _)) = key.path.split_once('.')
            && !tables.contains(&table)
        {
            tables.push(table);
        }
    }
    for table in tables {
        text.push_str(&format!("\n[{table}]\n"));
        for key in keys() {
            if let Some((of, name)) = key.path.split_once('.')
                && of == table
            {
                entry(&mut text, key, name);
            }
        }
    }
    text
}

fn entry(text: &mut String, key: &Key, name: &str) {
    text.push_str(&format!("\n# {}\n", key.help));
    if let Kind::Choice(words) = key.kind {
        text.push_str(&format!("# One of: {}\n", words.join(", ")));
    }
    if let Some(variable) = key.file_variable() {
        text.push_str(&format!(
            "# Secret: better in a file that {variable} names\n"
        ));
    }
    if key.path == FOLLOWS {
        text.push_str("# Where it is not set, it follows admin.listen\n");
    }
    let is_set = key.default.is_some() && key.path != FOLLOWS;
    let sign = if is_set { "" } else { "#" };
    let value = match key.default {
        Some(default) => written(&typed(key, default)),
        None => placeholder(key.kind),
    };
    text.push_str(&format!("{sign}{name} = {value}\n"));
}

/// The value in TOML, where all but lists look as in JSON.
fn written(value: &Value) -> String {
    match value.as_array() {
        Some(values) => {
            let texts: Vec<_> = values.iter().map(Value::to_string).collect();
            format!("[{}]", texts.join(", "))
        }
        None => value.to_string(),
    }
}

/// What stands for the value of a key that has no default.
fn placeholder(kind: Kind) -> String {
    match kind {
        Kind::Count | Kind::Switch => kind.placeholder(),
        Kind::List => "[]".to_owned(),
        _ => format!("{:?}", kind.placeholder()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs};

    use super::*;
    use crate::Config;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roomcast.toml");
        fs::write(&path, text).unwrap();
        let args = [OsString::from("--config"), path.into()];
        Config::load(args, []).map_err(|errors| errors.to_string())
    }

    #[test]
    fn the_template_is_a_file_with_the_defaults() {
        let config = load(&template());

        assert_eq!(config, Ok(Config::default()), "{}", template());
    }

    #[test]
    fn every_key_is_in_the_template_once_and_no_other() {
        let text = template().replace("\n#", "\n").replace("\n ", "\n# ");
        let text = text.replace("NUMBER", "1");
        let parsed: toml::Table = text.split_once('\n').unwrap().1.parse().unwrap();

        let mut found = Vec::new();
        for (name, value) in &parsed {
            match value.as_table() {
                Some(table) => found.extend(table.keys().map(|key| format!("{name}.{key}"))),
                None => found.push(name.clone()),
            }
        }

        found.sort();
        let mut expected: Vec<_> = keys().map(|key| key.path.to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected);
    }
}
