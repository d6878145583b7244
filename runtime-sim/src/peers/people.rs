//! The invented staff of `contoso.example`, the same in the demo, the simulator and the tests.
use uc_core::config::{Person, PersonDn};

/// A knowledge worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoPerson {
    /// `kw0001`, ...
    pub employee_id: String,
    /// `first.last`
    pub user_name: String,
    /// `First Last`
    pub display_name: String,
    /// `sip:first.last@contoso.example`
    pub sip_uri: String,
    /// `5001`, ...
    pub dn: String,
    /// Login code: the DN again.
    pub agent_login: String,
}

const FIRST: [&str; 32] = [
    "Alice", "Bob", "Carol", "David", "Emma", "Frank", "Grace", "Henry", "Irene", "Jonas", "Karin", "Liam", "Maria", "Noah", "Olivia", "Paul", "Quentin",
    "Rosa", "Samir", "Tessa", "Ulrich", "Vera", "Walter", "Xenia", "Yusuf", "Zoe", "Anton", "Beata", "Cem", "Dalia", "Elias", "Fiona",
];

const LAST: [&str; 41] = [
    "Archer", "Baker", "Carter", "Dietz", "Engel", "Fischer", "Garcia", "Hoffmann", "Ivanova", "Jensen", "Keller", "Lopez", "Meyer", "Nowak", "Okafor",
    "Peters", "Quinn", "Rossi", "Schmidt", "Tanaka", "Ueda", "Vogel", "Weber", "Xu", "Young", "Zimmer", "Adler", "Brandt", "Costa", "Duarte", "Eriksen",
    "Falk", "Gruber", "Haas", "Imhof", "Jung", "Kaya", "Lang", "Moreau", "Nagel", "Ortiz",
];

/// The first `n` people; the same for every `n`.
#[must_use]
pub fn people(n: usize) -> Vec<DemoPerson> {
    (0..n).map(person).collect()
}

fn person(i: usize) -> DemoPerson {
    let first = FIRST[i % FIRST.len()];
    let round = i / FIRST.len();
    let last = LAST[(i + round) % LAST.len()];
    // Names repeat after as many rounds as there are last names; then they are numbered.
    let number = match round / LAST.len() {
        0 => String::new(),
        again => (again + 1).to_string(),
    };
    let user_name = format!("{}.{}{number}", first.to_lowercase(), last.to_lowercase());
    let dn = (5001 + i).to_string();
    DemoPerson {
        employee_id: format!("kw{:04}", i + 1),
        sip_uri: format!("sip:{user_name}@contoso.example"),
        user_name,
        display_name: format!("{first} {last}{number}"),
        agent_login: dn.clone(),
        dn,
    }
}

impl DemoPerson {
    /// As the connector's configuration wants it, with the DN on that switch (index in `config.cti.switches`).
    #[must_use]
    pub fn to_config(&self, switch: u16) -> Person {
        Person {
            employee_id: self.employee_id.as_str().into(),
            user_name: self.user_name.as_str().into(),
            display_name: self.display_name.as_str().into(),
            sip_uri: self.sip_uri.as_str().into(),
            agent_login: self.agent_login.as_str().into(),
            dns: Box::new([PersonDn { number: self.dn.as_str().into(), switch }]),
            ..Person::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_thousand_people_are_all_different() {
        let all = people(10_000);
        assert_eq!(all.iter().map(|p| &p.sip_uri).collect::<BTreeSet<_>>().len(), 10_000);
        assert_eq!(all.iter().map(|p| &p.dn).collect::<BTreeSet<_>>().len(), 10_000);
        assert_eq!((all[0].sip_uri.as_str(), all[0].dn.as_str()), ("sip:alice.archer@contoso.example", "5001"));
        assert_eq!(people(3), all[..3]);
    }
}
