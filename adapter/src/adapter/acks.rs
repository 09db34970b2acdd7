//! The acks of clients of other nodes, as they come.

use std::pin::Pin;

use bytes::Bytes;
use socketioxide_core::{Value, adapter::SocketEmitter};
use tokio::time::Instant;

use super::space::Space;
use crate::{
    cluster::Question,
    dialect::Dialect,
    gather::Census,
    wire::{self, Answer},
};

/// The acks of clients of other nodes.
pub(super) struct RemoteAcks {
    question: Question,
    /// Who else there is, until that is known.
    census: Option<Pin<Box<dyn Future<Output = Option<Census>> + Send>>>,
    deadline: Instant,
    /// There is nothing left to wait for.
    is_over: bool,
    dialect: Dialect,
    namespace: String,
    speaks_msgpack: bool,
}

impl RemoteAcks {
    /// Those to an open question that was just asked, until `deadline`.
    pub(super) fn new<E: SocketEmitter>(
        space: &Space<E>,
        question: Question,
        deadline: Instant,
    ) -> Self {
        let (cluster, name, uid) = (space.cluster.clone(), space.name.clone(), space.uid.clone());
        let census = async move { cluster.census(&name, &uid, deadline).await };
        Self {
            question,
            census: Some(Box::pin(census)),
            deadline,
            is_over: false,
            dialect: space.cluster.dialect(),
            namespace: space.name.clone(),
            speaks_msgpack: space.speaks_msgpack,
        }
    }

    /// What they answer.
    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    /// The next acks, each as a list in the form of the namespace's parser; `None` once all have come or time is up.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken if the future is dropped before it resolves.
    pub(super) async fn next(&mut self) -> Option<Vec<Value>> {
        while !self.is_over {
            let census = async {
                match &mut self.census {
                    Some(census) => census.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                counted = census => {
                    self.census = None;
                    match counted {
                        Some(census) => self.question.expect(census),
                        // It is out already, so those that are heard may answer all the same.
                        None => self.question.expect_heard(&self.namespace),
                    }
                }
                answers = self.question.next() => match answers {
                    Some(messages) => {
                        let read = |message: &Bytes| self.value(message);
                        return Some(messages.iter().filter_map(read).collect());
                    }
                    None => self.is_over = true,
                },
                () = tokio::time::sleep_until(self.deadline) => self.is_over = true,
            }
        }
        None
    }

    fn value(&self, message: &[u8]) -> Option<Value> {
        let Ok(Answer::Ack(value)) = self.dialect.answer(message) else {
            return None;
        };
        wire::list_of(value, self.speaks_msgpack)
    }
}

/// The next acks of other nodes; `None` where there are none to come.
pub(super) async fn next(acks: &mut Option<RemoteAcks>) -> Option<Vec<Value>> {
    acks.as_mut()?.next().await
}
