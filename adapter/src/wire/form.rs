//! In which form sockets are told of. Node knows one, a list of all; nodes of this crate ask each other for less.

use serde::Serialize;

use super::{
    DecodeError,
    msgpack::Reader,
    options::{boolean, integer},
    request::text,
};

/// How a [`Fetch`](super::Question::Fetch) is to be answered. Nodes of Node.js list all sockets, whatever is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// By all of them.
    #[default]
    Sockets,
    /// By their number.
    Count,
    /// By how many of them each room has, the rooms of their own ids left out.
    Sizes,
    /// By some of them, in the order of their ids.
    Page {
        /// Those whose ids come after this one; the first where it is not given.
        after: Option<String>,
        /// How many at most.
        limit: u32,
    },
}

/// A form as a request bears it.
#[derive(Debug, Default, Serialize)]
pub(super) struct FormFields<'a> {
    #[serde(rename = "onlyCount", skip_serializing_if = "std::ops::Not::not")]
    count: bool,
    #[serde(rename = "onlySizes", skip_serializing_if = "std::ops::Not::not")]
    sizes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

impl<'a> FormFields<'a> {
    pub(super) fn of(form: &'a Form) -> Self {
        let none = Self::default();
        match form {
            Form::Sockets => none,
            Form::Count => Self {
                count: true,
                ..none
            },
            Form::Sizes => Self {
                sizes: true,
                ..none
            },
            Form::Page { after, limit } => Self {
                after: after.as_deref(),
                limit: Some(*limit),
                ..none
            },
        }
    }
}

/// A form as it is read, field by field.
#[derive(Debug, Default)]
pub(super) struct FormReader {
    count: bool,
    sizes: bool,
    after: Option<String>,
    limit: Option<u32>,
}

impl FormReader {
    /// Reads the value of a field; false if it is none of these.
    pub(super) fn read(&mut self, key: &str, reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
        match key {
            "onlyCount" => self.count = boolean(reader)?.unwrap_or(false),
            "onlySizes" => self.sizes = boolean(reader)?.unwrap_or(false),
            "after" => self.after = text(reader)?,
            "limit" => {
                let limit = integer(reader)?;
                self.limit = limit.and_then(|limit| u32::try_from(limit).ok());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn form(&self) -> Form {
        match self.limit {
            _ if self.count => Form::Count,
            _ if self.sizes => Form::Sizes,
            Some(limit) => Form::Page {
                after: self.after.clone(),
                limit,
            },
            None => Form::Sockets,
        }
    }
}
