//! Who a client is: a token, verified, gives its claims.
//!
//! A verifier holds the keys of the configuration: where a client's token is looked for stands in `seek`, what a token must
//! be in `verify`, and who is let in without one, or not, in `admission`. The platforms ask; nothing here knows what a
//! socket is.

mod admission;
mod claims;
mod issue;
mod jwks;
mod key;
mod key_error;
mod pem;
mod rotation;
mod seek;
#[cfg(test)]
mod tests;
mod verify;

pub use admission::User;
pub(crate) use admission::{Expiry, guarded};
#[cfg(test)]
pub(crate) use claims::Claims;
pub(crate) use claims::username;
pub(crate) use issue::issue;
pub use key_error::{KeyError, KeyFileError};
pub(crate) use seek::seek;
pub(crate) use verify::{TokenError, Verifier};
