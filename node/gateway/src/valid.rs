//! Bodies that have to keep rules beyond their types.

use std::fmt::{self, Write as _};

use serde::de::DeserializeOwned;

use crate::{
    Exception,
    extract::{Data, Extract},
    occasion::Event,
};

/// A rule that a body breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as the client spells it; `body` for the whole.
    pub field: String,
    /// What is wrong with it, as `must not be empty`.
    pub message: String,
}

/// A type whose values may break rules.
///
/// A validation library does the work as a rule; the implementation says what it found. With `garde`:
///
/// ```
/// use garde::Validate as _;
/// use roomcast_gateway::{Ack, Gateway, Valid, Validate, Violation};
/// use serde::Deserialize;
///
/// #[derive(Deserialize, garde::Validate)]
/// struct Signup {
///     #[garde(length(min = 1, max = 64))]
///     name: String,
///     #[garde(range(min = 18))]
///     age: u8,
/// }
///
/// impl Validate for Signup {
///     fn violations(&self) -> Vec<Violation> {
///         let report = garde::Validate::validate(self).err();
///         let errors = report.iter().flat_map(|report| report.iter());
///         errors.map(|(field, error)| Violation::new(field, error)).collect()
///     }
/// }
///
/// async fn sign_up(Valid(signup): Valid<Signup>) -> Ack<String> {
///     Ack(signup.name)
/// }
/// # use roomcast_gateway::testing::{block_on, Client};
/// # let client = Client::of(Gateway::new("/").on("signUp", sign_up).exception_cause(false));
/// # block_on(client.emit_with_ack("signUp", &serde_json::json!({ "name": "", "age": 7 })));
/// # let sent = format!("{:?}", client.sent());
/// # assert!(sent.contains("name: length is lower than 1") && sent.contains("age: lower than 18"));
/// ```
pub trait Validate {
    /// All rules that the value breaks; none if it is valid.
    fn violations(&self) -> Vec<Violation>;
}

/// The body as a `T` that keeps its rules: as [`Data`], and then [validated](Validate).
///
/// A body that breaks rules is told to the client as one exception that lists them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Valid<T>(pub T);

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self {
            field: field.to_string(),
            message: message.to_string(),
        }
    }
}

impl<T: DeserializeOwned + Validate> Extract<Event> for Valid<T> {
    fn extract(event: &Event) -> Result<Self, Exception> {
        let Data(value) = Data::<T>::extract(event)?;
        let violations = value.violations();
        if violations.is_empty() {
            return Ok(Self(value));
        }
        Err(Exception::new(list(&violations)))
    }
}

/// As `name: must not be empty; age: at least 18`.
fn list(violations: &[Violation]) -> String {
    let mut text = String::new();
    for Violation { field, message } in violations {
        let separator = if text.is_empty() { "" } else { "; " };
        let field = if field.is_empty() { "body" } else { field };
        // A string takes whatever it is given.
        let _ = write!(text, "{separator}{field}: {message}");
    }
    text
}
