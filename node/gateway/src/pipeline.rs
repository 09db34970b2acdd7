//! Guards, interceptors and a handler as one handler.

use std::{future::poll_fn, sync::Arc};

use crate::{
    Exception,
    handler::{Erased, Running},
    interceptor::{Interceptor, Next},
    occasion::Event,
    reply::Reply,
    route::Steps,
    run::{Call, catch_panic},
};

/// The handler behind all steps, outer ones first. Where there are none, the handler itself: it costs nothing more.
pub(crate) fn behind(
    outer: &Arc<Steps>,
    inner: &Arc<Steps>,
    handler: &Erased<Event, Reply>,
) -> Erased<Event, Reply> {
    if [outer, inner]
        .iter()
        .all(|steps| steps.guards.is_empty() && steps.interceptors.is_empty())
    {
        return Arc::clone(handler);
    }
    let (outer, inner) = (Arc::clone(outer), Arc::clone(inner));
    let handler = Arc::clone(handler);
    Arc::new(move |event| {
        let (outer, inner) = (Arc::clone(&outer), Arc::clone(&inner));
        let (handler, event) = (Arc::clone(&handler), event.clone());
        Ok(Box::pin(async move {
            for guard in outer.guards.iter().chain(&inner.guards) {
                guard(&event)?.await?;
            }
            let interceptors = outer.interceptors.iter().chain(&inner.interceptors);
            let handled = Next(contained(handler, event.clone()));
            let first = interceptors.rev().fold(handled, |next, interceptor| {
                Next(around(Arc::clone(interceptor), event.clone(), next))
            });
            first.await
        }))
    })
}

/// What is left of an exception once all filters have seen it, the nearest first.
pub(crate) fn filtered(
    outer: &Steps,
    inner: &Steps,
    exception: Exception,
    event: &Event,
) -> Option<Exception> {
    let mut filters = inner.filters.iter().chain(&outer.filters);
    let caught = catch_panic(|| {
        Ok(filters.try_fold(exception, |exception, filter| {
            filter.catch(exception, event)
        }))
    });
    caught.unwrap_or_else(Some)
}

/// The handler with its arguments, whose panics are exceptions.
fn contained(handler: Erased<Event, Reply>, event: Event) -> Running<Reply> {
    let mut call = Call::new(handler, event);
    Box::pin(poll_fn(move |context| call.poll(context)))
}

fn around(interceptor: Arc<dyn Interceptor>, event: Event, next: Next) -> Running<Reply> {
    Box::pin(async move { interceptor.intercept(event, next).await })
}
