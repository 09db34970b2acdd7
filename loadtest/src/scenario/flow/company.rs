//! Who is online, as one client of the chat sees it: a list when it connects, and then news. Pure.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::chat::{LISTED, News};

/// What one client knows.
#[derive(Default)]
pub(super) struct Company {
    /// By a hash of the id: everybody may see everybody. A connection's id is never used again.
    known: HashMap<u64, Standing>,
    /// The list was full, so that somebody may be missing in it.
    is_partial: bool,
    pub(super) heard: Heard,
}

/// What it was told, over all its connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) lists: u64,
    /// That somebody is online, or offline.
    pub(super) announced: u64,
    pub(super) duplicated: u64,
    /// Online after offline.
    pub(super) reordered: u64,
    pub(super) typing: u64,
}

/// Who is online: how many, and the sum of their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct View {
    pub(super) online: u64,
    sum: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// In the list; the announcement may be under way yet.
    Listed,
    Online,
    Offline,
}

impl Company {
    /// A new connection knows nobody.
    pub(super) fn arrive(&mut self) {
        self.known.clear();
        self.is_partial = false;
    }

    pub(super) fn hear(&mut self, news: &News<'_>) {
        match news {
            News::Listed(users) => self.list(users),
            News::Online(id) => self.announce(id, Standing::Online),
            News::Offline(id) => self.announce(id, Standing::Offline),
            News::Types => self.heard.typing += 1,
            News::Joined => {}
        }
    }

    fn list(&mut self, users: &[&str]) {
        self.heard.lists += 1;
        self.is_partial = users.len() >= LISTED;
        for id in users {
            // Whoever has left since is not back because of an older list.
            self.known.entry(hash(id)).or_insert(Standing::Listed);
        }
    }

    fn announce(&mut self, id: &str, standing: Standing) {
        self.heard.announced += 1;
        match (self.known.insert(hash(id), standing), standing) {
            (Some(before), now) if before == now => self.heard.duplicated += 1,
            (Some(Standing::Offline), Standing::Online) => {
                self.heard.reordered += 1;
                self.known.insert(hash(id), Standing::Offline);
            }
            _ => {}
        }
    }

    /// How many it found online when it first came, and has not seen leave; nothing if it came again and cannot know.
    pub(super) fn strangers(&self) -> Option<u64> {
        let known = self.known.values();
        let listed = known.filter(|standing| **standing == Standing::Listed);
        (self.heard.lists == 1 && !self.is_partial).then(|| listed.count() as u64)
    }

    /// Who is online; nothing if it cannot know.
    pub(super) fn view(&self) -> Option<View> {
        if self.is_partial {
            return None;
        }
        let known = self.known.iter();
        let online = known.filter(|(_, standing)| **standing != Standing::Offline);
        Some(
            online.fold(View { online: 0, sum: 0 }, |view, (id, _)| View {
                online: view.online + 1,
                sum: view.sum.wrapping_add(*id),
            }),
        )
    }
}

fn hash(id: &str) -> u64 {
    // Its keys are always the same, so that views can be compared.
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(news: &[News<'_>]) -> Company {
        let mut company = Company::default();
        news.iter().for_each(|news| company.hear(news));
        company
    }

    #[test]
    fn a_view_is_the_list_and_what_came_since_in_whatever_order() {
        let one = company(&[
            News::Listed(vec!["~a", "~b"]),
            News::Offline("~a"),
            News::Online("~c"),
        ]);
        let other = company(&[
            News::Online("~c"),
            News::Offline("~a"),
            News::Listed(vec!["~b", "~a", "~c"]),
        ]);

        assert_eq!(one.view(), other.view());
        assert_eq!(one.view().unwrap().online, 2);
        assert_eq!(one.strangers(), Some(1));
        assert_eq!((other.heard.duplicated, other.heard.reordered), (0, 0));
    }

    #[test]
    fn others_of_the_same_number_are_another_view() {
        let (one, other) = (
            company(&[News::Online("~a")]),
            company(&[News::Online("~b")]),
        );

        assert_ne!(one.view(), other.view());
    }

    #[test]
    fn each_change_is_announced_once_and_in_order() {
        let listed = || News::Listed(vec!["~a"]);
        for (news, duplicated, reordered) in [
            (vec![listed(), News::Online("~a")], 0, 0),
            (vec![News::Online("~a"), News::Online("~a")], 1, 0),
            (
                vec![listed(), News::Offline("~a"), News::Offline("~a")],
                1,
                0,
            ),
            (vec![News::Offline("~a"), News::Online("~a")], 0, 1),
        ] {
            let heard = company(&news).heard;
            assert_eq!(
                (heard.duplicated, heard.reordered),
                (duplicated, reordered),
                "{news:?}"
            );
        }
    }

    #[test]
    fn a_full_list_says_nothing_of_those_who_are_not_in_it() {
        let ids: Vec<_> = (0..LISTED).map(|number| format!("~{number}")).collect();
        let mut company = company(&[News::Listed(ids.iter().map(|id| &**id).collect())]);
        assert_eq!(company.view(), None);

        company.arrive();
        assert_eq!(company.view().unwrap().online, 0);
    }
}
