//! Groups of workers, found without looking at everybody: a router's request may name many, and the deciding thread looks them up.
use super::Directory;
use crate::id::UserId;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The workers of each group, by id.
pub(super) type ByGroup = BTreeMap<Box<str>, Vec<UserId>>;

/// The groups in a person's text: separated by `;`, blanks around each left out, empty ones too.
pub(crate) fn group_names(groups: &str) -> impl Iterator<Item = &str> {
    groups.split(';').map(str::trim).filter(|name| !name.is_empty())
}

impl Directory {
    pub(super) fn index_groups(&self) -> ByGroup {
        let mut index = ByGroup::new();
        for user in self.users() {
            for name in group_names(&self.person(user).groups) {
                match index.get_mut(name) {
                    // Ids ascend, so who names a group twice is the last one in it.
                    Some(members) if members.last() == Some(&user) => {}
                    Some(members) => members.push(user),
                    None => drop(index.insert(name.into(), [user].into())),
                }
            }
        }
        index
    }

    /// The workers of a group, by id; none of a group that no worker is in.
    #[must_use]
    pub fn users_of_group(&self, group: &str) -> &[UserId] {
        self.by_group.get(group).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Person};
    use alloc::sync::Arc;

    #[test]
    fn members_follow_the_configuration() {
        let person = |id: &str, groups: &str| Person { employee_id: id.into(), groups: groups.into(), ..Person::default() };
        let config = |people: Vec<Person>| Arc::new(Config { people, ..Config::default() });
        let mut directory = Directory::new(config([person("a", "sales; second line;sales"), person("b", " ; "), person("c", "sales")].into()));
        assert_eq!(directory.users_of_group("sales"), [UserId(0), UserId(2)]);
        assert_eq!(directory.users_of_group("second line"), [UserId(0)]);
        assert!(directory.users_of_group("").is_empty() && directory.users_of_group("second").is_empty());
        directory.apply(config([person("b", "sales"), person("c", "")].into()));
        assert_eq!(directory.users_of_group("sales"), [UserId(1)]);
    }
}
