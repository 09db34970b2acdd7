//! The seam to sockets that are reached past the server's own channel.

use std::cell::OnceCell;

use bytes::Bytes;
use socketioxide_core::{Value, packet::Packet};

use crate::{namespace::Encode, remote::Profile};

/// How many forms an emission can be asked for beside the parser's.
const FORMS: usize = 2;

/// One packet on its way to any number of sockets: encoded when the first of them asks, once for each form.
pub struct Emission<'a> {
    packet: Packet,
    encoder: &'a dyn Encode,
    value: OnceCell<Value>,
    forms: [OnceCell<Bytes>; FORMS],
}

impl<'a> Emission<'a> {
    /// How many forms an emission can be asked for beside the parser's.
    pub const FORMS: usize = FORMS;

    pub(crate) fn new(packet: Packet, encoder: &'a dyn Encode) -> Self {
        Self {
            packet,
            encoder,
            value: OnceCell::new(),
            forms: Default::default(),
        }
    }

    /// The packet as it was handed in.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// The packet as the namespace's parser writes it: what the server's own channel would carry.
    pub fn value(&self) -> &Value {
        self.value
            .get_or_init(|| self.encoder.encode(self.packet.clone()))
    }

    /// The packet in one of the recipients' own forms. `make` is called for the first recipient that wants this one.
    ///
    /// # Panics
    ///
    /// If `form` is not below [`FORMS`](Self::FORMS).
    pub fn form(&self, form: usize, make: impl FnOnce(&Self) -> Bytes) -> &Bytes {
        self.forms[form].get_or_init(|| make(self))
    }
}

/// A socket that takes what it is sent by itself, for servers that have something better than a channel.
///
/// Called while the namespace is locked, so that every socket gets broadcasts in the same order: it must not wait, nor
/// call back into the namespace but for [`Namespace::send`](crate::Namespace::send).
pub trait Recipient: Send + Sync + 'static {
    /// Takes one packet. What becomes of it where the socket is gone, or too slow, is the recipient's to decide and count.
    fn deliver(&self, emission: &Emission<'_>);

    /// Takes the socket out of its namespace, as the server's own call does; with `close` it closes the connection, too,
    /// and all that it carries. Called while nothing is locked.
    fn disconnect(&self, close: bool);

    /// An event that asks for an ack was put into the server's channel for the socket: what is delivered from now on has to
    /// come behind it. Called while nothing is locked.
    fn detoured(&self) {}

    /// The id by which its client sees the socket: that of [`profile`](Self::profile).
    fn socket_id(&self) -> &str;

    /// What other nodes are told of the socket when they ask. Called while nothing is locked.
    fn profile(&self) -> Profile;
}
