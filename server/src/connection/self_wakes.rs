//! A task that wakes itself while it is polled.
//!
//! hyper's connections do with each request that has a body: whoever waits for the body is woken by
//! the connection that has just read it, and both are one task. tokio would put the task behind the
//! others and wake another worker to take it. Here it is polled once more at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Polls in a row; then others have their turn.
const MOST: usize = 4;

/// Nobody polls: whoever wakes wakes the task.
const IDLE: u8 = 0;
const POLLED: u8 = 1;
/// Woken while it is polled.
const WOKEN: u8 = 2;

/// The future, polled again where it has woken itself.
pub(super) async fn polled_again<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    poll_fn(|cx| {
        wakes.poll(cx, || {
            future.as_mut().poll(&mut Context::from_waker(&waker))
        })
    })
    .await
}

#[derive(Default)]
struct Wakes {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wakes {
    fn poll<T>(&self, cx: &Context<'_>, mut poll: impl FnMut() -> Poll<T>) -> Poll<T> {
        self.task.register(cx.waker());
        for _ in 0..MOST {
            self.state.store(POLLED, Ordering::SeqCst);
            if let Poll::Ready(done) = poll() {
                return Poll::Ready(done);
            }
            if self.state.swap(IDLE, Ordering::SeqCst) == POLLED {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = self
            .state
            .compare_exchange(POLLED, WOKEN, Ordering::SeqCst, Ordering::SeqCst);
        if noted == Err(IDLE) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// How often the task is woken by a future that wakes itself in its first `selfish` polls, and
    /// how often that is polled.
    fn wakes(selfish: usize) -> (usize, usize) {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let mut polls = 0;
        let future = poll_fn(|cx| {
            polls += 1;
            if polls <= selfish {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        {
            let mut future = pin!(polled_again(future));
            let waker = Waker::from(count.clone());
            assert!(
                future
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        (count.0.load(Ordering::SeqCst), polls)
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_and_not_for_ever() {
        assert_eq!(wakes(0), (0, 1));
        assert_eq!(wakes(2), (0, 3));
        assert_eq!(wakes(99), (1, MOST));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_wake_from_another_thread_is_lost() {
        let (send, mut receive) = tokio::sync::mpsc::channel(1);
        let sender = tokio::spawn(async move {
            for number in 0..10_000 {
                send.send(number).await.unwrap();
            }
        });
        let received = polled_again(async {
            let mut count = 0;
            while receive.recv().await.is_some() {
                count += 1;
            }
            count
        });
        assert_eq!(received.await, 10_000);
        sender.await.unwrap();
    }
}
