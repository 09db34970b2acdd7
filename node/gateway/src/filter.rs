//! Exception filters: what becomes of an exception before the client is told.

use crate::{Exception, occasion::Event};

/// Looks at the exceptions of a gateway, or of one event, before the client is told.
///
/// A function of the exception and the [`Event`] is one: what it returns is told in place of the exception, by the next
/// filter's leave; nothing is told if it returns `None`.
///
/// ```
/// use roomcast_gateway::{Exception, Gateway, occasion::Event};
/// use serde_json::json;
///
/// fn with_code(exception: Exception, event: &Event) -> Option<Exception> {
///     let message = exception.message().unwrap_or("no message");
///     Some(Exception::object(&json!({ "code": 400, "message": message, "event": event.name() })))
/// }
///
/// let gateway = Gateway::new("/").filter(with_code);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an exception filter",
    label = "not an exception filter",
    note = "a filter is a `fn(Exception, &Event) -> Option<Exception>`, given by its name and not called"
)]
pub trait ExceptionFilter: Send + Sync + 'static {
    /// What the client is told instead.
    fn catch(&self, exception: Exception, event: &Event) -> Option<Exception>;
}

impl<F> ExceptionFilter for F
where
    F: Fn(Exception, &Event) -> Option<Exception> + Send + Sync + 'static,
{
    fn catch(&self, exception: Exception, event: &Event) -> Option<Exception> {
        self(exception, event)
    }
}
