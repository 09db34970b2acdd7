//! Binary values stand beside the JSON, which refers to each by `{"_placeholder":true,"num":N}`.
//!
//! serde has no channel for values that travel beside the text, so the text that is being read or written
//! keeps them in a scope of its thread. Scopes nest, and end with the closure also when it panics.

mod rewrite;

use std::{cell::RefCell, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub(crate) use self::rewrite::rewrite;

/// How JSON text refers to the binary value at index `num`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Placeholder {
    #[serde(rename = "_placeholder")]
    pub(crate) is_placeholder: bool,
    pub(crate) num: usize,
}

thread_local! {
    static READING: RefCell<Arc<[Bytes]>> = RefCell::default();
    static WRITING: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
}

/// Runs `read` with `attachments` as what placeholders refer to.
pub(crate) fn reading<R>(attachments: &Arc<[Bytes]>, read: impl FnOnce() -> R) -> R {
    let _outer = RestoreReading(READING.replace(Arc::clone(attachments)));
    read()
}

/// What the placeholders of the text being read refer to; empty outside of [`reading`].
pub(crate) fn being_read() -> Arc<[Bytes]> {
    READING.with_borrow(Arc::clone)
}

/// JSON text of `value`, and the attachments that its placeholders refer to, each of which is there.
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
) -> Result<(String, Vec<Bytes>), serde_json::Error> {
    let outer = RestoreWriting(WRITING.replace(Some(Vec::new())));
    let text = serde_json::to_string(value)?;
    let attachments = WRITING.take().unwrap_or_default();
    drop(outer);
    if attachments.is_empty() {
        return Ok((text, attachments));
    }
    // A client can send an object that looks like a placeholder. One that refers to nothing would make
    // the receiving clients close their connections, so it becomes null.
    let there = attachments.len();
    Ok((
        rewrite(&text, |num| (num < there).then_some(num)),
        attachments,
    ))
}

/// `json` with whatever `form` makes of each attachment in place of the placeholder that refers to it, and null in place of
/// those that refer to nothing. For platforms whose clients take no binary values.
///
/// `json` must be valid JSON, and what `form` makes too; anything else comes back as some other text.
pub fn inline(json: &str, attachments: &[Bytes], form: impl Fn(&Bytes) -> String) -> String {
    rewrite::replace(json, |num| attachments.get(num).map(&form))
}

/// Puts `bytes` beside the text being written and returns its index, or none outside of [`encode`].
pub(crate) fn attach(bytes: Bytes) -> Option<usize> {
    WRITING.with_borrow_mut(|writing| {
        let attachments = writing.as_mut()?;
        attachments.push(bytes);
        Some(attachments.len() - 1)
    })
}

struct RestoreReading(Arc<[Bytes]>);

impl Drop for RestoreReading {
    fn drop(&mut self) {
        READING.set(std::mem::take(&mut self.0));
    }
}

struct RestoreWriting(Option<Vec<Bytes>>);

impl Drop for RestoreWriting {
    fn drop(&mut self) {
        WRITING.set(self.0.take());
    }
}
