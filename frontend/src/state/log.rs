//! A run's log: a pure fold over frames. Folding a frame twice changes nothing, and a gap is noticed.

use std::{collections::HashMap, sync::Arc};

use api::{
    Timestamp,
    event::{Event, EventBody},
    run::Gate,
    stream::{Cursor, Frame, Parts},
};

use super::item::{self, Item, What};

/// What is known of a run's events: a contiguous part, from `first` to the cursor.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunLog {
    /// The number of the first event that is loaded, or will be.
    first: i64,
    cursor: Cursor,
    parts: Parts,
    /// The events by step, in order.
    pub(crate) groups: Vec<Group>,
    /// What the agent is writing now.
    pub(crate) partial: Option<Partial>,
    /// Whether history has arrived.
    pub(crate) caught_up: bool,
    /// Whether the run is over and everything of it has arrived.
    pub(crate) complete: bool,
    /// Where each tool call and each open gate is, by its id: group and place in it.
    calls: HashMap<String, (usize, usize)>,
    /// The model that was named last.
    model: Option<String>,
}

/// The events of one step.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The step, from 1; 0 for what came before the first.
    pub(crate) step: u32,
    /// What is shown of it.
    pub(crate) items: Vec<Arc<Item>>,
    /// How many events it has, shown or not.
    pub(crate) events: usize,
    /// When its first event happened.
    pub(crate) from: Timestamp,
    /// When its last one did.
    pub(crate) until: Timestamp,
}

/// Text on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partial {
    /// `text` or `thinking`.
    pub(crate) block: String,
    /// What there is of it.
    pub(crate) text: String,
}

/// What the reader of a stream has to do after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read on.
    Read,
    /// Subscribe again.
    Resubscribe,
    /// Nothing more will come.
    Stop,
}

impl RunLog {
    /// An empty log of the events after number `after`.
    pub(crate) fn from(after: i64) -> Self {
        Self { first: after + 1, cursor: Cursor { after }, ..Self::default() }
    }

    /// Begins a subscription: forgets what the one before has left of a long event. Returns the number to begin from.
    pub(crate) fn begin(&mut self) -> i64 {
        self.parts = Parts::default();
        self.cursor.after
    }

    /// The number of the newest event that is loaded.
    pub(crate) const fn after(&self) -> i64 {
        self.cursor.after
    }

    /// How many events before the loaded ones there are.
    pub(crate) const fn unloaded(&self) -> i64 {
        self.first - 1
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.groups.iter().map(|group| group.items.len()).sum()
    }

    /// Folds a frame in.
    pub(crate) fn fold(&mut self, frame: Frame) -> Next {
        let Some(frame) = self.parts.whole(frame) else { return Next::Read };
        match frame {
            Frame::Item { event } => match self.cursor.accept(event.seq) {
                Ok(true) => self.add(event),
                Ok(false) => {}
                Err(_) => return Next::Resubscribe,
            },
            Frame::Partial { text, block } => self.add_partial(text, block),
            Frame::CaughtUp { .. } => self.caught_up = true,
            Frame::Part { .. } => {}
            Frame::End => {
                self.complete = true;
                self.partial = None;
                return Next::Stop;
            }
            Frame::Resync { .. } => return Next::Resubscribe,
        }
        Next::Read
    }

    /// Puts older events before the loaded ones; they must end where those begin, or nothing changes.
    pub(crate) fn prepend(&mut self, events: Vec<Event>) {
        let (Some(oldest), Some(newest)) = (events.first(), events.last()) else { return };
        if newest.seq + 1 != self.first {
            return;
        }
        let mut older = Self::from(oldest.seq - 1);
        for event in events {
            if older.fold(Frame::Item { event }) != Next::Read {
                return;
            }
        }
        let newer = std::mem::replace(&mut self.groups, older.groups);
        self.calls = older.calls;
        self.model = older.model;
        self.first = older.first;
        for group in newer {
            self.append_group(group);
        }
    }

    fn add(&mut self, event: Event) {
        if matches!(event.body, EventBody::Agent(_) | EventBody::State(_)) {
            self.partial = None;
        }
        let group = self.group_for(&event);
        self.groups[group].events += 1;
        self.groups[group].until = event.at;
        for item in item::read(event) {
            self.add_item(group, Arc::new(item));
        }
    }

    /// The group an event belongs to. Events without a step belong to what is going on.
    fn group_for(&mut self, event: &Event) -> usize {
        let opens = match (self.groups.last(), event.step) {
            (None, step) => Some(step.unwrap_or_default()),
            (Some(last), Some(step)) if step != last.step => Some(step),
            _ => None,
        };
        if let Some(step) = opens {
            self.groups.push(Group { step, items: Vec::new(), events: 0, from: event.at, until: event.at });
        }
        self.groups.len() - 1
    }

    fn append_group(&mut self, group: Group) {
        let goes_on = self.groups.last().is_some_and(|last| group.step == 0 || group.step == last.step);
        if goes_on && let Some(last) = self.groups.last_mut() {
            last.events += group.events;
            last.until = group.until;
        } else {
            self.groups.push(Group { items: Vec::new(), ..group });
        }
        let place = self.groups.len() - 1;
        for item in group.items {
            self.add_item(place, item);
        }
    }

    fn add_item(&mut self, group: usize, item: Arc<Item>) {
        match &item.what {
            What::StrayAnswer { id, .. } if self.attach(id, &item) => return,
            What::Gate(gate) if gate.answer.is_some() && self.settle(gate) => return,
            What::Gate(gate) => {
                self.calls.insert(gate.id.to_string(), (group, self.groups[group].items.len()));
            }
            What::Model(model) if self.model.as_ref() == Some(model) => return,
            What::Model(model) => self.model = Some(model.clone()),
            What::Tool(call) => {
                self.calls.insert(call.id.clone(), (group, self.groups[group].items.len()));
            }
            What::Progress(_) | What::Egress(_) if self.merge(group, &item) => return,
            _ => {}
        }
        self.groups[group].items.push(item);
    }

    /// Gives an answer to its call, if that is loaded.
    fn attach(&mut self, id: &str, item: &Item) -> bool {
        let What::StrayAnswer { answer, .. } = &item.what else { return false };
        let Some(&(group, place)) = self.calls.get(id) else { return false };
        let called = Arc::make_mut(&mut self.groups[group].items[place]);
        called.revision += 1;
        if let What::Tool(call) = &mut called.what {
            call.answer = Some(answer.clone());
        }
        true
    }

    /// Puts the answer of a gate to its question, if that is loaded.
    fn settle(&mut self, answered: &Gate) -> bool {
        let Some(&(group, place)) = self.calls.get(&answered.id.to_string()) else { return false };
        let asked = Arc::make_mut(&mut self.groups[group].items[place]);
        asked.revision += 1;
        asked.what = What::Gate(answered.clone());
        true
    }

    /// Lets a step of the same progress, or the newer count of a refused host, take the place of the item before it.
    fn merge(&mut self, group: usize, item: &Item) -> bool {
        let Some(last) = self.groups[group].items.last_mut() else { return false };
        let what = match (&last.what, &item.what) {
            (What::Progress(before), What::Progress(now)) if before.phase == now.phase => item.what.clone(),
            (What::Egress(before), What::Egress(now))
                if (&before.host, before.port, before.allowed) == (&now.host, now.port, now.allowed) =>
            {
                item.what.clone()
            }
            _ => return false,
        };
        let last = Arc::make_mut(last);
        last.revision += 1;
        last.what = what;
        true
    }

    fn add_partial(&mut self, text: String, block: String) {
        match &mut self.partial {
            Some(partial) if partial.block == block => partial.text.push_str(&text),
            partial => *partial = Some(Partial { block, text }),
        }
    }
}

#[cfg(test)]
mod tests;
