//! What handlers can take as arguments.

mod data;
mod field;
mod peers;
mod state;

pub use self::{data::Data, state::State};
// For what `field!` expands to.
#[doc(hidden)]
pub use serde::de::DeserializeOwned;

use crate::{
    Exception,
    occasion::Occasion,
    state::{MissingState, States},
};

/// An argument of a handler, taken from the occasion `O` that it is called on.
///
/// A handler may take several that look at the same body: it is shared, not consumed.
///
/// # Examples
///
/// An argument of one's own:
///
/// ```
/// use roomcast_gateway::{Exception, Gateway, extract::Extract, occasion::OfSocket};
///
/// /// The language that the client asked for when it connected.
/// struct Language(String);
///
/// impl<O: OfSocket> Extract<O> for Language {
///     fn extract(occasion: &O) -> Result<Self, Exception> {
///         let header = occasion.socket().handshake().header("accept-language");
///         Ok(Self(header.unwrap_or("en").to_owned()))
///     }
/// }
///
/// async fn greet(Language(language): Language) { /* … */ }
/// # let _ = Gateway::new("/").on("greet", greet);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of this handler",
    label = "a handler cannot be given a `{Self}` here",
    note = "the body comes as `Data<T>`, shared state as `State<T>`",
    note = "bodies and their fields are for events alone, and a `DisconnectReason` for `on_disconnect`"
)]
pub trait Extract<O>: Sized {
    /// Takes the argument, or says why not: the handler does not run then.
    ///
    /// # Errors
    ///
    /// What the client is told.
    fn extract(occasion: &O) -> Result<Self, Exception>;

    /// Looks, once and when the handler is registered, whether the gateway has the state that this needs.
    ///
    /// # Errors
    ///
    /// The state that is missing.
    fn check(_states: &States) -> Result<(), MissingState> {
        Ok(())
    }
}

/// The arguments of a handler: none to six that implement [`Extract`].
#[diagnostic::on_unimplemented(
    message = "a handler of an `{O}` cannot take the arguments `{Self}`"
)]
pub trait Arguments<O>: Sized {
    /// Takes each, in order; the first that fails ends it.
    #[doc(hidden)]
    fn extract_all(occasion: &O) -> Result<Self, Exception>;

    /// Checks each.
    #[doc(hidden)]
    fn check_all(states: &States) -> Result<(), MissingState>;
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<O: Occasion, $($argument: Extract<O>),*> Arguments<O> for ($($argument,)*) {
            fn extract_all(_occasion: &O) -> Result<Self, Exception> {
                Ok(($($argument::extract(_occasion)?,)*))
            }

            fn check_all(_states: &States) -> Result<(), MissingState> {
                $($argument::check(_states)?;)*
                Ok(())
            }
        }
    };
}

arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
