//! One socket of a key: shows it what waits in its two mailboxes, in order, within its window, and repeats
//! what stays unacknowledged. Every entry point ends in `pump`, which emits what may be emitted now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::queue::{PAGE, Queue};
use super::window::{Acknowledged, Due, Window};
use super::{Context, Emission, Outlet};
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message, Position};
use crate::metrics::MessageState;
use crate::store::{Receipt, Store, StoreError};

/// How long what this node has noted may take to be stored before a mailbox is read.
const LAST_RECEIPTS: Duration = Duration::from_secs(2);

/// Why an acknowledgement was ignored: it names nothing in flight, or another message.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

/// See the module.
pub struct Subscriber {
    /// The key that the socket joined with.
    pub key: Arc<KeyRecord>,
    /// The socket's name in logs: its session's.
    pub socket: String,
    /// The channel's mailbox, then that of everyone in the namespace.
    pub mailboxes: [Mailbox; 2],
    outlet: Arc<dyn Outlet>,
    context: Arc<Context>,
    state: Mutex<State>,
    /// Wakes the task that waits for the next repeat, to end with the socket.
    ended: Notify,
}

struct State {
    queues: [Queue; 2],
    window: Window,
    /// A task waits for the next repeat.
    repeating: bool,
    /// A task reads the store.
    reading: bool,
    /// Which mailbox it read last.
    last_read: usize,
    closed: bool,
}

impl Subscriber {
    /// A socket that has joined `namespace` with `key`.
    pub fn new(
        namespace: &str,
        key: Arc<KeyRecord>,
        socket: String,
        outlet: Arc<dyn Outlet>,
        context: Arc<Context>,
    ) -> Arc<Self> {
        let mailboxes = [
            Mailbox::channel(namespace, &key.channel),
            Mailbox::everyone(namespace),
        ];
        let state = State {
            queues: [Queue::new(), Queue::new()],
            window: Window::default(),
            repeating: false,
            reading: false,
            last_read: 1,
            closed: false,
        };
        Arc::new(Self {
            key,
            socket,
            mailboxes,
            outlet,
            context,
            state: Mutex::new(state),
            ended: Notify::new(),
        })
    }

    /// Takes a message that has fallen due.
    pub(super) fn offer(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        if let Some(index) = self.index_of(message)
            && !state.window.knows(message)
        {
            state.queues[index].offer(message);
            self.pump(&mut state, true);
        }
    }

    /// Shows what waits; called on joining, and whenever something may have changed.
    pub(super) fn wake(self: &Arc<Self>) {
        self.pump(&mut self.lock(), false);
    }

    /// Has the store read from the start: messages may be missing here.
    pub(super) fn read_anew(self: &Arc<Self>) {
        let mut state = self.lock();
        state.queues.iter_mut().for_each(Queue::distrust);
        self.pump(&mut state, false);
    }

    /// What it has in memory of the store's messages.
    pub(super) fn held(&self) -> Vec<Arc<Message>> {
        let state = self.lock();
        let waiting = state.queues.iter().flat_map(Queue::held);
        waiting.chain(state.window.held()).cloned().collect()
    }

    /// Takes a client's acknowledgement; returns the message, unless it was settled before.
    ///
    /// # Errors
    /// When it settles nothing: number and id must both be those of a message in flight on this socket.
    pub fn acknowledge(
        self: &Arc<Self>,
        number: u64,
        id: &str,
    ) -> Result<Option<Arc<Message>>, Refused> {
        let mut state = self.lock();
        let message = match state.window.acknowledged(number, id) {
            Acknowledged::Now(message) => message,
            Acknowledged::Before => return Ok(None),
            Acknowledged::Unknown => return Err(Refused),
        };
        // A page that is being read may be older than this acknowledgement.
        if let Some(index) = self.index_of(&message) {
            state.queues[index].settle(&message);
        }
        self.record(&message, true);
        self.context.metrics.count(MessageState::acknowledged, 1);
        tracing::debug!(channel = %message.mailbox, message_id = message.id, connection = self.socket, "acknowledged");
        self.pump(&mut state, false);
        Ok(Some(message))
    }

    /// Drops a message that another socket of the same key has acknowledged.
    pub(super) fn settle(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        if let Some(index) = self.index_of(message) {
            state.queues[index].settle(message);
            state.window.settle(message);
            self.pump(&mut state, false);
        }
    }

    /// Sends the client away: its key was revoked or has expired.
    pub fn dismiss(&self) {
        self.close();
        self.outlet.dismiss();
    }

    /// Ends the socket: nothing more is emitted.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ended.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of the two mailboxes a message is from.
    fn index_of(&self, message: &Message) -> Option<usize> {
        self.mailboxes
            .iter()
            .position(|mailbox| *mailbox == message.mailbox)
    }

    fn record(&self, message: &Arc<Message>, acknowledged: bool) {
        self.context.recorder.push(Receipt {
            message: message.clone(),
            key: self.key.id.clone(),
            acknowledged,
        });
    }

    /// Emits what the window allows, then sees to it that the store is read and repeats are timed.
    fn pump(self: &Arc<Self>, state: &mut State, on_time: bool) {
        if state.closed {
            return;
        }
        let polling = self.outlet.is_polling();
        while let Some(index) = state.next_queue() {
            let Some(waiting) = state.queues[index].first().cloned() else {
                break;
            };
            if waiting.message.expires_at <= self.context.clock.now() {
                state.queues[index].pop();
                continue;
            }
            let tuning = &self.context.tuning;
            if !state
                .window
                .has_room(polling, &waiting.message, tuning, self.context.max_payload)
            {
                if on_time {
                    self.context.metrics.window_waits.inc();
                }
                break;
            }
            if !self.emit(
                &waiting.message,
                state.window.next_number(),
                waiting.redelivered,
            ) {
                break;
            }
            state.queues[index].pop();
            let expires = self.context.clock.instant(waiting.message.expires_at);
            state
                .window
                .emitted(waiting.message.clone(), Instant::now(), expires, tuning);
            self.after_first_emission(&waiting.message, waiting.redelivered, on_time);
        }
        self.start_tasks(state);
    }

    fn after_first_emission(&self, message: &Arc<Message>, redelivered: bool, on_time: bool) {
        let metrics = &self.context.metrics;
        if redelivered {
            metrics.redeliveries.inc();
        } else {
            metrics.count(MessageState::delivered, 1);
            self.record(message, false);
        }
        if on_time {
            let late = self.context.clock.micros() - message.deliver_at.0 * 1000;
            metrics.lateness.observe(late.max(0) as f64 / 1e6);
        }
    }

    fn emit(&self, message: &Message, number: u64, redelivered: bool) -> bool {
        let expires_in = message.expires_at.since(self.context.clock.now());
        let emitted = self.outlet.emit(&Emission {
            message,
            number,
            expires_in,
            redelivered,
        });
        tracing::debug!(
            channel = %message.mailbox, message_id = message.id, connection = self.socket, number, redelivered, emitted,
            "emit",
        );
        emitted
    }

    fn start_tasks(self: &Arc<Self>, state: &mut State) {
        if !state.repeating && state.window.next_repeat().is_some() {
            state.repeating = true;
            tokio::spawn(self.clone().repeat());
        }
        if !state.reading && state.queues.iter().any(Queue::wants_page) {
            state.reading = true;
            tokio::spawn(self.clone().read());
        }
    }

    /// Repeats unacknowledged messages at their time; ends when there is none.
    async fn repeat(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.lock();
                match state.window.next_repeat().filter(|_| !state.closed) {
                    Some(next) => next,
                    None => {
                        state.repeating = false;
                        return;
                    }
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.ended.notified() => {}
            }
            let mut state = self.lock();
            if !state.closed {
                for number in state.window.due(Instant::now()) {
                    self.repeat_one(&mut state, number);
                    if state.closed {
                        break;
                    }
                }
                self.pump(&mut state, false);
            }
        }
    }

    fn repeat_one(&self, state: &mut State, number: u64) {
        let Some(entry) = state.window.get(number) else {
            return;
        };
        let (message, repeats) = (entry.message.clone(), entry.repeats);
        let entry_expired = entry.expires <= Instant::now();
        let silent = self.outlet.last_heard() < entry.first_emitted;
        if entry_expired {
            state.window.remove(number);
        } else if silent && repeats > 0 {
            // It was probed at the first repeat, and has neither answered that nor anything else.
            self.outlet.cut_slow_reader();
            state.closed = true;
        } else if state
            .window
            .repeat(number, Instant::now(), &self.context.tuning)
            == Due::Repeat
        {
            if silent {
                self.outlet.probe();
            }
            self.emit(&message, number, true);
            self.context.metrics.redeliveries.inc();
        } else {
            self.give_up(state, number);
        }
    }

    fn give_up(&self, state: &mut State, number: u64) {
        let Some(entry) = state.window.remove(number) else {
            return;
        };
        let message = entry.message;
        if let Some(index) = self.index_of(&message) {
            state.queues[index].give_up(&message);
        }
        self.context.metrics.given_up.inc();
        tracing::warn!(
            channel = %message.mailbox, message_id = message.id, connection = self.socket, key = %self.key.id,
            "never acknowledged on a live socket; it comes again after a reconnect. \
             Does the plugin call ack(message.id)?",
        );
    }

    /// Reads the store until nothing is missing or there is no room; `pump` starts it again.
    async fn read(self: Arc<Self>) {
        let mut pause = Duration::from_millis(50);
        while let Some(index) = self.next_to_read() {
            if let Err(error) = self.read_mailbox(index).await {
                tracing::debug!(%error, mailbox = %self.mailboxes[index], "the mailbox cannot be read yet");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }

    /// The mailbox to read next; none ends the reading task.
    fn next_to_read(&self) -> Option<usize> {
        let mut state = self.lock();
        // The other mailbox first: one that is always behind must not starve it.
        let order = [1 - state.last_read, state.last_read];
        let next = order
            .into_iter()
            .find(|index| state.queues[*index].wants_page());
        let next = next.filter(|_| !state.closed);
        state.last_read = next.unwrap_or(state.last_read);
        state.reading = next.is_some();
        next
    }

    async fn read_mailbox(self: &Arc<Self>, index: usize) -> crate::store::Result<()> {
        let (context, mailbox) = (&self.context, &self.mailboxes[index]);
        self.lock().queues[index].start_reading();
        // What this node has shown and settled must be in the store before it is asked.
        if !context.recorder.flush(LAST_RECEIPTS).await {
            self.lock().queues[index].stop_reading();
            return Err(StoreError::Unavailable("receipts are still waiting".into()));
        }
        // The semaphore is never closed.
        let _turn = context.reads.acquire().await;
        let until = context.clock.now();
        let mut after: Option<Position> = None;
        loop {
            let page = context
                .store
                .backlog(mailbox, &self.key.id, after, until, PAGE)
                .await;
            let mut state = self.lock();
            let page = page.inspect_err(|_| state.queues[index].stop_reading())?;
            after = page.last().map(|waiting| waiting.message.position());
            let last = page.len() < PAGE;
            let State { queues, window, .. } = &mut *state;
            queues[index].take_page(page, last, |message| window.knows(message));
            self.pump(&mut state, false);
            if last || state.closed {
                return Ok(());
            }
            if !state.queues[index].wants_page() {
                // The window is full. The rest is read when there is room again.
                state.queues[index].stop_reading();
                return Ok(());
            }
        }
    }
}

impl State {
    /// The queue whose first message comes first.
    fn next_queue(&self) -> Option<usize> {
        let positions = self
            .queues
            .each_ref()
            .map(|q| q.first().map(|waiting| waiting.message.position()));
        match positions {
            [None, None] => None,
            [Some(_), None] => Some(0),
            [None, Some(_)] => Some(1),
            [Some(channel), Some(everyone)] => Some(usize::from(everyone < channel)),
        }
    }
}
