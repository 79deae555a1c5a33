//! Who was to get which message, and who got it, when and how often: exact, by message and client.
//! No I/O. What is too often is decided in `repeats`, what comes of it all is told by `report`.

use std::collections::HashMap;

use crate::arrival::{Arrival, Session};
use crate::course::{Course, Fault};
use crate::event::{Event, Ms};
use crate::repeats;
use crate::report::Tally;
use crate::spread::Spread;

/// Lateness counts for messages accepted this long before they were due, at clients connected as
/// long, in ms.
const MARGIN: Ms = 1_000.0;
/// Faults that are kept word by word; the rest are only counted.
const FAULTS_KEPT: usize = 20;

/// Who a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The clients of a channel, by its number.
    Channel(usize),
    /// Every client.
    Everyone,
}

#[derive(Debug, Clone, Copy)]
struct Accepted {
    at: Ms,
    deliver_at: Ms,
    expires_at: Ms,
}

#[derive(Debug)]
struct Message {
    audience: Audience,
    accepted: Option<Accepted>,
    arrivals: HashMap<usize, Vec<Arrival>>,
}

#[derive(Debug)]
struct Client {
    channel: usize,
    sessions: Vec<Session>,
}

/// The books of one run.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    clients: Vec<Client>,
    messages: HashMap<String, Message>,
    /// When the store, or a node's way to it, was away: acknowledgements of that time may be
    /// repeated.
    outages: Vec<(Ms, Ms)>,
    /// When clients were back, and how long they had been away beyond their own waiting, in ms.
    away: Vec<(Ms, Ms)>,
    /// What failed on purpose.
    marks: Vec<Fault>,
    faults: Vec<String>,
    more_faults: usize,
}

impl Tracker {
    /// Books for clients that are on these channels.
    pub(crate) fn new(channels: impl IntoIterator<Item = usize>) -> Self {
        let client = |channel| Client {
            channel,
            sessions: Vec::new(),
        };
        Self {
            clients: channels.into_iter().map(client).collect(),
            ..Self::default()
        }
    }

    /// A message is about to be sent for the first time.
    pub(crate) fn published(&mut self, id: &str, audience: Audience) {
        let message = Message {
            audience,
            accepted: None,
            arrivals: HashMap::new(),
        };
        self.messages.insert(id.to_owned(), message);
    }

    /// The server has taken a message.
    pub(crate) fn accepted(&mut self, id: &str, at: Ms, deliver_at: Ms, expires_at: Ms) {
        if let Some(message) = self.messages.get_mut(id) {
            message.accepted.get_or_insert(Accepted {
                at,
                deliver_at,
                expires_at,
            });
        }
    }

    /// The store was away, or may have forgotten receipts, in this time.
    pub(crate) fn outage(&mut self, from: Ms, until: Ms) {
        self.outages.push((from, until));
    }

    /// Something failed on purpose, from then until then.
    pub(crate) fn mark(&mut self, what: &str, from: Ms, until: Ms) {
        let what = what.to_owned();
        self.marks.push(Fault { what, from, until });
    }

    /// Something that must not happen.
    pub(crate) fn fault(&mut self, what: String) {
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(what);
        } else {
            self.more_faults += 1;
        }
    }

    /// Something happened at a client.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Up { client, at, away } => {
                let sessions = &mut self.clients[*client].sessions;
                // The first connect is no return.
                if !sessions.is_empty() {
                    self.away.push((*at, *away));
                }
                sessions.push(Session {
                    from: *at,
                    until: None,
                });
            }
            Event::Down { client, at, reason } => {
                if let Some(session) = self.clients[*client].sessions.last_mut() {
                    session.until = Some(*at);
                }
                if reason == "io server disconnect" {
                    self.fault(format!("client {client} was sent away for good"));
                }
            }
            Event::Refused {
                client,
                code: Some(code),
                ..
            } => self.fault(format!("client {client} was refused for good: {code}")),
            Event::Refused { .. } => {}
            Event::Message {
                client,
                at,
                id,
                expires_in,
            } => self.arrived(*client, *at, id, *expires_in),
            Event::Acknowledged { client, at, id } => self.acknowledged(*client, *at, id),
        }
    }

    fn arrived(&mut self, client: usize, at: Ms, id: &str, expires_in: Ms) {
        if expires_in <= 0.0 {
            self.fault(format!("{id} was sent to client {client} after its expiry"));
        }
        let sessions = &self.clients[client].sessions;
        let channel = self.clients[client].channel;
        let Some(message) = self.messages.get_mut(id) else {
            return self.fault(format!("client {client} got {id}, which nobody published"));
        };
        let arrival = Arrival {
            at,
            session: sessions.len().saturating_sub(1),
            acknowledged: None,
        };
        let arrivals = message.arrivals.entry(client).or_default();
        let fault = repeats::fault(arrivals, arrival, sessions, &self.outages);
        arrivals.push(arrival);
        if message.audience != Audience::Channel(channel) && message.audience != Audience::Everyone
        {
            self.fault(format!("client {client} got {id} of another channel"));
        }
        if let Some(fault) = fault {
            self.fault(format!("client {client} got {id} again: {fault}"));
        }
    }

    fn acknowledged(&mut self, client: usize, at: Ms, id: &str) {
        let now = self.clients[client].sessions.len().saturating_sub(1);
        let message = self.messages.get_mut(id);
        let arrivals = message.and_then(|message| message.arrivals.get_mut(&client));
        // One that comes after its connection has ended settles nothing.
        if let Some(arrival) = arrivals.and_then(|arrivals| arrivals.last_mut())
            && arrival.session == now
            && self.clients[client].sessions[now].until.is_none()
        {
            arrival.acknowledged = Some(at);
        }
    }

    /// Clients that have joined since then, and are connected.
    pub(crate) fn back_since(&self, then: Ms) -> usize {
        let back = |session: &Session| session.from >= then && session.until.is_none();
        let last = |client: &Client| client.sessions.last().copied();
        self.clients
            .iter()
            .filter_map(last)
            .filter(|session| back(session))
            .count()
    }

    /// Clients in all.
    pub(crate) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Accepted messages that a client still lacks and that have not expired, as `id → client`.
    pub(crate) fn missing(&self, now: Ms) -> Vec<(&str, usize)> {
        let accepted = self
            .messages
            .iter()
            .filter(|(_, message)| message.accepted.is_some_and(|known| known.expires_at > now));
        accepted
            .flat_map(|(id, message)| {
                let lacks = |client: &usize| !message.arrivals.contains_key(client);
                self.audience(message)
                    .filter(lacks)
                    .map(move |client| (id.as_str(), client))
            })
            .collect()
    }

    fn audience(&self, message: &Message) -> impl Iterator<Item = usize> + use<'_> {
        let audience = message.audience;
        let clients = self.clients.iter().enumerate();
        clients
            .filter(move |(_, client)| match audience {
                Audience::Channel(channel) => client.channel == channel,
                Audience::Everyone => true,
            })
            .map(|(number, _)| number)
    }

    /// How many clients got each accepted message that has not expired, by id.
    pub(crate) fn reached(&self, now: Ms) -> HashMap<&str, usize> {
        let live = |message: &Message| message.accepted.is_some_and(|known| known.expires_at > now);
        let messages = self.messages.iter().filter(|(_, message)| live(message));
        messages
            .map(|(id, message)| (id.as_str(), message.arrivals.len()))
            .collect()
    }

    /// Messages accepted so far, and arrivals of messages at clients.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let accepted = self.messages.values().filter(|m| m.accepted.is_some());
        let arrivals = self.messages.values().flat_map(|m| m.arrivals.values());
        (accepted.count(), arrivals.map(Vec::len).sum())
    }

    /// What it all comes to at the end. What has not come by now and has not expired is lost.
    pub(crate) fn tally(&self, now: Ms) -> Tally {
        let mut tally = Tally {
            published: self.messages.len(),
            away: Spread::of_figures(&self.away),
            faults: self.faults.clone(),
            more_faults: self.more_faults,
            ..Tally::default()
        };
        let mut late = Vec::new();
        for (id, message) in &self.messages {
            let arrivals: usize = message.arrivals.values().map(Vec::len).sum();
            tally.delivered += message.arrivals.len();
            tally.duplicated += arrivals - message.arrivals.len();
            let Some(accepted) = message.accepted else {
                continue;
            };
            tally.accepted += 1;
            for client in self.audience(message) {
                match message.arrivals.get(&client).and_then(|all| all.first()) {
                    Some(first) => late.extend(self.lateness(client, first, &accepted)),
                    None if accepted.expires_at <= now => {
                        tally.expired += 1;
                        if self.was_there(client, &accepted) {
                            tally.missed.push(format!("{id} by client {client}"));
                        }
                    }
                    None => tally.lost.push(format!("{id} by client {client}")),
                }
            }
        }
        tally.lateness = Spread::of_figures(&late);
        tally.course = Course {
            late,
            away: self.away.clone(),
            faults: self.marks.clone(),
        };
        tally
    }

    /// How late messages of some channels were that fell due in this time, at each of their clients.
    pub(crate) fn lateness_between(
        &self,
        from: Ms,
        until: Ms,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Spread {
        let wanted = self.messages.values().filter_map(|message| {
            let accepted = message.accepted?;
            let is_due = accepted.deliver_at >= from && accepted.deliver_at < until;
            let is_of = matches!(message.audience, Audience::Channel(n) if is_wanted(n));
            (is_due && is_of).then_some((message, accepted))
        });
        let late = wanted.flat_map(|(message, accepted)| {
            let firsts = message.arrivals.iter();
            let firsts = firsts.filter_map(|(client, all)| Some((*client, all.first()?)));
            firsts.filter_map(move |(client, first)| self.lateness(client, first, &accepted))
        });
        Spread::of(late.map(|(_, late)| late).collect())
    }

    /// When it came and how late it was, where nothing excuses that.
    fn lateness(&self, client: usize, first: &Arrival, accepted: &Accepted) -> Option<(Ms, Ms)> {
        let session = self.clients[client].sessions.get(first.session)?;
        let calm = accepted.at.max(session.from) + MARGIN <= accepted.deliver_at;
        calm.then_some((first.at, first.at - accepted.deliver_at))
    }

    /// Whether one session of the client's spans the whole life of a message, so that nothing
    /// excuses its absence.
    fn was_there(&self, client: usize, accepted: &Accepted) -> bool {
        self.clients[client].sessions.iter().any(|session| {
            accepted.at.max(session.from) + MARGIN <= accepted.deliver_at
                && session
                    .until
                    .is_none_or(|until| until > accepted.expires_at)
        })
    }
}

#[cfg(test)]
mod tests;
