//! One field of the body.

/// Names a field of the body, as an argument for handlers.
///
/// A body that has no such field, or is no object, reads as null.
///
/// ```
/// use roomcast_gateway::{Ack, Gateway, field};
///
/// field! {
///     /// The field `id` of the body.
///     pub struct Id = "id";
/// }
///
/// async fn identity(Id(id): Id<Option<u64>>) -> Ack<Option<u64>> {
///     Ack(id)
/// }
///
/// let gateway = Gateway::new("/").on("identity", identity);
/// ```
#[macro_export]
macro_rules! field {
    ($(#[$attribute:meta])* $visibility:vis struct $Name:ident = $field:literal $(;)?) => {
        $(#[$attribute])*
        $visibility struct $Name<T>($visibility T);

        impl<T> $crate::extract::Extract<$crate::occasion::Event> for $Name<T>
        where
            T: $crate::extract::DeserializeOwned,
        {
            fn extract(
                event: &$crate::occasion::Event,
            ) -> ::std::result::Result<Self, $crate::Exception> {
                event.field($field).map(Self)
            }
        }
    };
}
