//! Everything that settings are read from, and which source wins.

use std::ffi::OsString;

use super::args::{Args, FILE_FLAG};
use super::environment::{Environment, FILE_VARIABLE};
use super::error::{ConfigErrors, Source};
use super::file;
use super::reading::Reading;
use super::setting::{InForce, Settings};
use super::{Config, typed};

/// The command line and the environment of a process, taken apart but not judged yet.
#[derive(Debug)]
pub struct Sources {
    args: Args,
    environment: Environment,
}

impl Sources {
    /// Takes `args`, which do not start with the name of the program, and `environment`.
    pub fn new(
        args: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let mut args = Args::new(args, &[]);
        args.refuse_words();
        Self {
            args,
            environment: Environment::new(environment),
        }
    }

    /// As [`new`](Self::new), but leaves to the caller what is no setting: the flags named in `others`, and every word
    /// that is neither flag nor value.
    pub(crate) fn with_words(
        args: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        others: &[String],
    ) -> Self {
        Self {
            args: Args::new(args, others),
            environment: Environment::new(environment),
        }
    }

    /// True if a flag is wrong: what the words mean may then be, too.
    pub(crate) fn has_wrong_flags(&self) -> bool {
        self.args.has_mistakes()
    }

    /// What of the command line was no setting.
    pub(crate) fn words(&self) -> &[OsString] {
        self.args.words()
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// All mistakes of all sources.
    pub fn config(&self) -> Result<Config, ConfigErrors> {
        self.report().map(|(config, _)| config)
    }

    /// As [`config`](Self::config), with what is in force: every key.
    pub(crate) fn report(&self) -> Result<(Config, Vec<InForce>), ConfigErrors> {
        let settings = self.settings();
        let mut in_force = settings.in_force();
        let config = typed::read(settings)?;
        for line in &mut in_force {
            // The one default that is not in the table, but follows from another key.
            if line.path == "admin.url" && line.from == Source::Default {
                let url = config.admin.url.join("");
                (line.value, line.json) = (Some(format!("{url:?}")), url.into());
            }
        }
        Ok((config, in_force))
    }

    /// Reads and checks everything, in a form that can be compared with what is read later.
    ///
    /// # Errors
    ///
    /// All mistakes of all sources.
    pub fn read(&self) -> Result<Reading, ConfigErrors> {
        let settings = self.settings();
        let held = settings.held();
        let config = typed::read(settings)?;
        Ok(Reading::new(config, held))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        self.args.read(&mut settings);
        self.environment.read(&mut settings);
        self.read_file(&mut settings);
        self.environment.read_fallbacks(&mut settings);
        settings
    }

    fn read_file(&self, settings: &mut Settings) {
        let by_flag = self
            .args
            .file()
            .map(|path| (path, Source::Flag(FILE_FLAG.to_owned())));
        let by_variable = || {
            let path = self.environment.file()?;
            Some((path, Source::Environment(FILE_VARIABLE.to_owned())))
        };
        if let Some((path, from)) = by_flag.or_else(by_variable) {
            file::read(path, from, settings);
        }
    }
}
