//! Whether all clients of the chat agree in the end on who is online.

use std::collections::BTreeMap;

use super::company::{Heard, View};
use super::member::Member;
use crate::measure::Latency;
use crate::report::Presence;

/// What clients know of each other.
#[derive(Default)]
pub(super) struct Crowd {
    presence: Presence,
    /// Who was there before this run, and still is.
    before: Option<u64>,
    /// How many of our clients are there.
    here: u64,
    /// How many clients see it so.
    views: BTreeMap<View, u64>,
}

impl Crowd {
    pub(super) fn add(&mut self, member: &Member) {
        let Some((company, stays)) = member.company() else {
            return;
        };
        let Heard {
            lists,
            announced,
            duplicated,
            reordered,
            typing,
        } = company.heard;
        self.before = self.before.into_iter().chain(company.strangers()).min();
        self.presence.lists += lists;
        self.presence.announced += announced;
        self.presence.duplicated += duplicated;
        self.presence.reordered += reordered;
        self.presence.typing += typing;
        if stays {
            self.here += 1;
            if let Some(view) = company.view() {
                *self.views.entry(view).or_default() += 1;
            }
        }
    }

    /// What came of it; nothing if this was no chat.
    pub(super) fn presence(self, joins: &Latency) -> Option<Presence> {
        if self.presence.lists == 0 {
            return None;
        }
        let most = self.views.iter().max_by_key(|&(_, &count)| count);
        let (online, agree) = most.map_or((0, 0), |(view, &count)| (view.online, count));
        let views = self.views.values().sum();
        Some(Presence {
            expected_online: self.before.unwrap_or_default() + self.here,
            online,
            views,
            differing: views - agree,
            join_us: joins.summary(),
            ..self.presence
        })
    }
}
