//! Answers that wait to be read by their clients, together no larger than they may be.
//!
//! A client that reads slowly makes the server keep its answer. Connections are limited, but answers can be large; so
//! what all of them hold is limited, too. An answer that there is no room for is refused, not kept waiting: waiting, it
//! would hold the same memory.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for answers.
#[derive(Debug)]
pub(super) struct Room {
    /// A permit for each kibibyte.
    free: Arc<Semaphore>,
    all: u32,
}

/// An answer in its room. It is handed out in parts, so that the room is kept until nearly all of it is written.
pub(super) struct Unread {
    rest: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Answers up to this size need no room: the limit on connections is enough.
const SMALL: usize = 64 << 10;
/// The size of a part.
const PART: usize = 64 << 10;

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        let all = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        Self { free: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Keeps an answer, if there is room for it. One that is larger than all the room needs all of it.
    pub(super) fn keep(&self, answer: Bytes) -> Option<Unread> {
        if answer.len() <= SMALL {
            return Some(Unread { rest: answer, _room: None });
        }
        let needed = u32::try_from(answer.len().div_ceil(1024)).unwrap_or(u32::MAX).min(self.all);
        let room = self.free.clone().try_acquire_many_owned(needed).ok()?;
        Some(Unread { rest: answer, _room: Some(room) })
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.rest.len().min(PART);
        let part = self.rest.split_to(size);
        // A part that shared the memory of the whole would keep it after the room is given back.
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_takes_room_until_it_is() {
        let room = Room::new(1 << 20);
        let answer = |size: usize| Bytes::from(vec![0; size]);
        let first = room.keep(answer(600 << 10)).unwrap();
        assert!(room.keep(answer(600 << 10)).is_none());
        assert!(room.keep(answer(SMALL)).is_some());
        drop(first);
        let largest = room.keep(answer(5 << 20)).unwrap();
        assert!(room.keep(answer(SMALL + 1)).is_none());
        drop(largest);
        assert!(room.keep(answer(1 << 20)).is_some());
    }

    #[test]
    fn parts_are_the_whole() {
        let whole: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
        let mut kept = Room::new(1 << 20).keep(Bytes::from(whole.clone())).unwrap();
        assert_eq!(kept.size_hint().exact(), Some(200_000));
        let mut found = Vec::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut kept).poll_frame(&mut context) {
            found.extend_from_slice(frame.data_ref().unwrap());
        }
        assert!(found == whole && kept.is_end_stream());
    }
}
