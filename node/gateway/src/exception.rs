//! What a client is told when a handler cannot do what it was asked.

use std::error::Error;

use serde::Serialize;

use crate::{
    Raw,
    platform::{EmitError, JoinError, Outgoing},
};

/// A handler's failure, and what the client is told about it: the event `exception`.
///
/// The connection stays open. `?` turns any error into an [internal](Self::internal) exception, so that no
/// client ever reads the text of an error that was not written for it; only that of a refused
/// [join](crate::Socket::join) is.
///
/// ```
/// use roomcast_gateway::{Ack, Data, Exception};
///
/// async fn divide(Data((a, b)): Data<(i64, i64)>) -> Result<Ack<i64>, Exception> {
///     if b == 0 {
///         return Err(Exception::new("cannot divide by zero"));
///     }
///     Ok(Ack(a / b))
/// }
/// # let _ = roomcast_gateway::Gateway::new("/").on("divide", divide);
/// ```
// No `Error` itself, since that would rule out the conversion from every error.
#[derive(Debug)]
pub struct Exception(Kind);

#[derive(Debug)]
enum Kind {
    Message(String),
    Object(Raw),
    Internal(Box<dyn Error + Send + Sync>),
}

/// What clients are told about failures that are none of their business.
pub(crate) const INTERNAL: &str = "Internal server error";

impl Exception {
    /// An exception with a message for the client:
    /// `{"status":"error","message":…,"cause":{"pattern":…,"data":…}}`.
    ///
    /// `pattern` is the event's name and `data` its body.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Kind::Message(message.into()))
    }

    /// An exception whose object the client gets as it is.
    ///
    /// An object that cannot be encoded makes it an internal one.
    pub fn object<T: Serialize + ?Sized>(object: &T) -> Self {
        match Raw::new(object) {
            Ok(object) => Self(Kind::Object(object)),
            Err(error) => Self::internal(error),
        }
    }

    /// A failure that the client cannot help: it reads `Internal server error`, and `error` goes to the log.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Kind::Internal(error.into()))
    }

    /// The message that the client reads, unless it is sent an object.
    pub fn message(&self) -> Option<&str> {
        match &self.0 {
            Kind::Message(message) => Some(message),
            Kind::Object(_) => None,
            Kind::Internal(_) => Some(INTERNAL),
        }
    }

    /// The error behind an internal exception.
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Internal(error) => Some(&**error),
            Kind::Message(_) | Kind::Object(_) => None,
        }
    }

    /// The event that tells the client.
    pub(crate) fn event(&self, cause: Option<Cause<'_>>) -> Result<Outgoing, EmitError> {
        const EVENT: &str = "exception";

        match &self.0 {
            Kind::Object(object) => Outgoing::new(EVENT, object),
            Kind::Message(message) => Outgoing::new(
                EVENT,
                &Told {
                    status: "error",
                    message,
                    cause,
                },
            ),
            Kind::Internal(_) => Outgoing::new(
                EVENT,
                &Told {
                    status: "error",
                    message: INTERNAL,
                    cause,
                },
            ),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Exception {
    fn from(error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        match error.downcast_ref::<JoinError>() {
            // Written for clients.
            Some(refused) => Self::new(refused.to_string()),
            None => Self::internal(error),
        }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    status: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause<'a>>,
}

/// The event that a handler failed on.
#[derive(Serialize)]
pub(crate) struct Cause<'a> {
    pub(crate) pattern: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<&'a Raw>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_fields_come_in_the_order_in_which_nest_writes_them() {
        let body = Raw::new(&[1, 2]).unwrap();
        let cause = Cause {
            pattern: "e",
            data: Some(&body),
        };

        let event = Exception::new("no").event(Some(cause)).unwrap();

        assert_eq!(
            event.text(),
            r#"["exception",{"status":"error","message":"no","cause":{"pattern":"e","data":[1,2]}}]"#
        );
    }

    #[test]
    fn an_object_that_cannot_be_encoded_is_internal() {
        let unencodable = std::collections::HashMap::from([((1, 2), 3)]);

        let exception = Exception::object(&unencodable);

        assert_eq!(exception.message(), Some(INTERNAL));
        assert!(exception.source().is_some());
    }
}
