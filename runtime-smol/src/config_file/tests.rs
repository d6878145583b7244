//! Inputs and the messages they lead to.
use super::*;
use uc_core::config::{CtiPace, ForeignRule, Hours, PresenceConfig, Rule, UcPace, UcTimers};
use uc_core::presence::Class;

const GOOD: &str = r#"
[uc]
endpoints = ["pool.example.com:5061"]
[[uc.watcher]]
uri = "sip:w1@example.com"
[[switch]]
name = "SIP_Switch"
[[switch.server]]
name = "T1"
address = "127.0.0.1:7010"
[[person]]
employee_id = "1001"
sip_uri = "sip:alice@example.com"
agent_login = "5002"
dns = "5002@SIP_Switch"
"#;

fn checked(text: &str) -> (Option<Settings>, String) {
    let mut findings = Findings::default();
    let settings = check_text("t.toml", text, Path::new("."), &mut findings);
    (settings, findings.to_string())
}

fn good(text: &str) -> Settings {
    let (settings, findings) = checked(text);
    settings.unwrap_or_else(|| panic!("{findings}"))
}

/// The findings on a file that is good but for `from` being replaced by `to`.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    checked(&GOOD.replacen(from, to, 1)).1
}

#[test]
fn a_good_file_has_no_findings() {
    let (settings, findings) = checked(GOOD);
    assert_eq!(findings, "");
    let settings = settings.unwrap();
    let core = &settings.core;
    assert_eq!(core.uc.timers, UcTimers::default());
    assert_eq!(core.uc.pace, UcPace::lync());
    assert_eq!(core.presence, PresenceConfig::default());
    assert!(settings.uc_tls.is_some() && core.uc.tls);
    assert_eq!(core.uc.watchers[0].epid.len(), 10);
    assert_eq!(&*core.cti.switches[0].session, "UC_Connector-SIP_Switch");
    assert_eq!((core.people[0].dns[0].switch, &*core.people[0].dns[0].number), (0, "5002"));
    assert!(settings.bridges[0].tls.is_none());
}

#[test]
fn values_arrive() {
    let text = format!(
        "connector.profile = \"open\"\n[presence]\nforeign = \"enforce:5000\"\n[presence.map]\nbusy = \"notready:4\"\noffline = \"ignore\"\nidle-online = \"ready\"\n\
         [cti.pace]\nwindow_max = 7\n[ops]\nlisten = \"off\"\n[limits]\nnote_bytes_max = 0x100\n{GOOD}"
    );
    let settings = good(&text);
    let core = &settings.core;
    assert_eq!(core.uc.pace, UcPace::open());
    assert_eq!(core.cti.pace, CtiPace { window_max: 7, ..CtiPace::open() });
    assert_eq!(core.presence.foreign, ForeignRule::Enforce { after_ms: 5000 });
    assert_eq!(core.presence.rules[Class::Busy as usize], Rule::NotReady { work_mode: Some(4) });
    assert_eq!(core.presence.rules[Class::Offline as usize], Rule::Ignore);
    assert_eq!(core.limits.note_bytes_max, 256);
    assert_eq!(settings.ops.listen, None);
}

#[test]
fn conditions_and_seats_arrive() {
    let text = GOOD.replace("name = \"SIP_Switch\"", "name = \"SIP_Switch\"\nfree_dns = [\"7000-7002\"]");
    let core = good(&format!(
        "[presence]\nfree_seating = true\ntimezone = \"Etc/GMT-2\"\n[[presence.condition]]\nname = \"lunch\"\nclasses = [\"online\", \"busy\"]\nactivities = [\"none\"]\n\
         days = [\"mon\", \"fri\"]\nfrom = \"12:00\"\nto = \"13:30\"\ngroups = [\"sales\"]\nthen = \"notready:4\"\n{text}"
    ))
    .core;
    let [row] = &*core.presence.conditions else { panic!("{:?}", core.presence.conditions) };
    assert_eq!((row.classes, row.activities, row.groups.len()), (1 << Class::Online as u16 | 1 << Class::Busy as u16, 1, 1));
    assert_eq!(row.hours, Some(Hours { days: 0b001_0001, from_min: 720, to_min: 810 }));
    assert_eq!(row.then, Rule::NotReady { work_mode: Some(4) });
    assert_eq!(core.presence.utc_offset_min, 120);
    assert_eq!(core.cti.switches[0].free_dns.len(), 3);
    assert!(core.presence.free_seating);
}

#[test]
fn each_mistake_has_its_place_and_its_remedy() {
    for (from, to, expected) in [
        ("[uc]", "[uc]\nendpoint = 1", "t.toml:3:1: error: there is no option `endpoint` in [uc]; did you mean `endpoints`?"),
        ("[uc]", "[us]\nendpoints = 1\n[uc]", "t.toml:2:2: error: there is no section `us`; did you mean `uc`?"),
        ("[uc]", "[uc]\nbackoff_min_ms = 1", "t.toml:3:1: error: there is no option `backoff_min_ms` in [uc]; it belongs in [uc.timers]"),
        ("[uc]", "[uc]\ntransport = \"sctp\"", "t.toml:3:13: error: `transport` is \"sctp\", it must be \"tls\" or \"tcp\" or \"udp\""),
        (
            "[uc]",
            "[uc]\ntransport = \"udp\"",
            "t.toml:3:13: error: Lync and Skype for Business do not speak UDP; write `transport = \"tls\"`, or `kind = \"simple\"`",
        ),
        ("[uc]", "[uc.simple]\nlist = \"sip:t@example.com\"\n[uc]", "warning: [uc.simple] has no effect; write `kind = \"simple\"` in [uc]"),
        ("[uc]", "[uc.simple]\nlist = \"team\"\n[uc]\nkind = \"simple\"", "error: `team` is not a SIP URI; write `sip:user@domain`"),
        ("[uc]", "[uc.simple]\nt1_ms = 9000\n[uc]\nkind = \"simple\"", "t.toml:3:9: error: `t1_ms` is 9000, more than `t2_ms`, which is 4000"),
        (
            "[uc]",
            "[[uc.credential]]\nuser = \"a\"\n[uc]\nkind = \"simple\"",
            "error: `password` is missing in [[uc.credential]]; write `password = \"env:UC_PASSWORD\"`",
        ),
        (
            "[uc]",
            "[[uc.credential]]\nuser = \"a\"\npassword = \"geheim\"\n[uc]\nkind = \"simple\"",
            "error: `password` is something else, it must be a reference to a secret",
        ),
        (
            "[uc]",
            "[[uc.credential]]\nuser = \"a\"\npassword = \"env:A\"\n[[uc.credential]]\nuser = \"b\"\npassword = \"env:B\"\n[uc]\nkind = \"simple\"",
            "error: a credential for the same realm is already there in t.toml:2",
        ),
        ("[uc]", "[uc]\nkind = \"simple\"\nbenotify = true", "warning: `benotify` has no effect with a standard server"),
        (
            "[uc]",
            "[connector]\nmode = \"bidirectional\"\n[publish]\nuser_action = \"roaming-self\"\n[uc]\nkind = \"simple\"",
            "error: a standard server does not tell whose publication is whose; write `user_action = \"aggregate\"`",
        ),
        ("[uc]", "[uc.timers]\nprobe_ms = \"5\"\n[uc]", "t.toml:3:12: error: `probe_ms` is \"5\", it must be a number from 1000 to 86400000"),
        ("[uc]", "[uc.timers]\nprobe_ms = -5\n[uc]", "t.toml:3:12: error: `probe_ms` is -5, it must be a number from 1000 to 86400000"),
        ("[uc]", "[uc.timers]\nbackoff_min_ms = 90000\n[uc]", "t.toml:3:18: error: `backoff_min_ms` is 90000, more than `backoff_max_ms`, which is 30000"),
        ("[uc]", "presence = 1\n[uc]", "t.toml:2:12: error: `presence` is a section; write `[presence]` and its options on the following lines"),
        ("[uc]", "[presence.map]\nbusy = \"notready:9\"\n[uc]", "`busy` is \"notready:9\", it must be \"ready\", \"notready\", \"logout\" or \"ignore\""),
        ("[uc]", "[presence.map]\nbussy = \"ready\"\n[uc]", "there is no option `bussy` in [presence.map]; did you mean `busy`?"),
        ("[[uc.watcher]]", "[uc.watcher]", "there can be several `uc.watcher`; write `[[uc.watcher]]` in double brackets"),
        ("[\"pool.example.com:5061\"]", "[\"pool.example.com\"]", "t.toml:3:13: error: `endpoints` is a list that does not fit, it must be a list of servers"),
        ("[\"pool.example.com:5061\"]", "[]", "there is no UC server; write `endpoints = "),
        ("uri = \"sip:w1@example.com\"", "", "t.toml:4:1: error: `uri` is missing in [[uc.watcher]]"),
        ("sip:w1@example.com", "w1@example.com", "`w1@example.com` is not a SIP URI; write `sip:w1@example.com`"),
        ("sip:alice@example.com", "sip:alice", "t.toml:13:11: error: `sip:alice` is not a SIP URI; the domain is missing"),
        ("sip:alice@example.com", "sip:al ice@example.com", "must be escaped as `%XX`"),
        (
            "5002@SIP_Switch",
            "5002@SIP_Swich",
            "t.toml:15:7: error: DN `5002@SIP_Swich` is on switch `SIP_Swich`, which is not configured; write `5002@SIP_Switch`",
        ),
        ("5002@SIP_Switch", "5002", "DN `5002` has no switch; write `5002@SIP_Switch`"),
        ("employee_id = \"1001\"", "", "t.toml:11:1: error: employee_id is missing"),
        ("employee_id", "employe_id", "there is no option `employe_id` in [[person]]; did you mean `employee_id`?"),
        ("agent_login = \"5002\"", "password_ref = \"env:P\"", "t.toml:11:1: warning: agent_login is missing although there is a DN"),
        ("127.0.0.1:7010", "10.0.0.5:7010\"\ntransport = \"tcp", "the bridge at 10.0.0.5:7010 is on another machine; write `transport = \"tls\"`"),
        ("127.0.0.1:7010", "unix:/run/bridge\"\ntransport = \"tls", "is a Unix socket, which needs no TLS"),
        ("127.0.0.1:7010", "7010", "`address` is \"7010\", it must be \"host:port\" or \"unix:/path\""),
        (
            "name = \"SIP_Switch\"",
            "name = \"SIP_Switch\"\nredundancy = \"hot\"",
            "switch `SIP_Switch` has one server; add a second `[[switch.server]]` or write `redundancy = \"single\"`",
        ),
        ("[uc]", "[presence]\ntimezone = \"Europe/Berln\"\n[uc]", "t.toml:3:12: error: there is no time zone \"Europe/Berln\" on this machine"),
        ("[uc]", "[[presence.condition]]\nname = \"a\"\n[uc]", "t.toml:2:1: error: `then` is missing in [[presence.condition]]"),
        ("[uc]", "[[presence.condition]]\nname = \"a\"\nthen = \"ready\"\n[uc]", "t.toml:2:1: warning: the condition \"a\" restricts nothing"),
        (
            "[uc]",
            "[[presence.condition]]\nname = \"a\"\nclasses = [\"buzy\"]\nthen = \"ready\"\n[uc]",
            "error: `classes` has \"buzy\", which is none; did you mean `busy`?",
        ),
        (
            "[uc]",
            "[[presence.condition]]\nname = \"a\"\nfrom = \"9 am\"\nthen = \"ready\"\n[uc]",
            "error: `from` is \"9 am\", it must be a time of day from \"00:00\" to \"24:00\"",
        ),
        (
            "[uc]",
            "[[presence.condition]]\nname = \"a\"\ncalendar = \"busy\"\nthen = \"ready\"\n[uc]",
            "error: a condition asks for the calendar; write `categories = ",
        ),
        ("name = \"SIP_Switch\"", "name = \"SIP_Switch\"\nfree_dns = [\"7000-7\"]", "error: `free_dns` has \"7000-7\", which is no range"),
        ("name = \"SIP_Switch\"", "name = \"SIP_Switch\"\nfree_dns = [\"7000\"]", "warning: `free_dns` has no effect without `free_seating = true`"),
        ("[uc]", "[uc.tls]\ncertificate = \"Cargo.toml\"\n[uc]", "`certificate` is given without `key`; mutual TLS needs both"),
        ("[uc]", "[uc.tls]\nca = \"no-such-file\"\n[uc]", "`ca` ./no-such-file cannot be read"),
        ("[uc]", "[presence]\nnote_key = \"KW_UC_STATUS\"\n[uc]", "`note_key` and `status_key` are both \"KW_UC_STATUS\""),
        ("[uc]", "[ops]\nlisten = \"0.0.0.0:80\"\n[uc]", "t.toml:3:10: warning: the operations listener has no login"),
        ("[uc]", "[connector]\npeople = \"people.xls\"\n[uc]", "the people file ./people.xls cannot be read"),
        ("[uc]", "[uc]\nx = \n", "error: this is not TOML"),
        ("[uc]", "[uc]\ntransport = \"tcp\"", "t.toml:3:13: warning: presence from pool.example.com travels in clear"),
    ] {
        let findings = changed(from, to);
        assert!(findings.contains(expected), "{to}\n{findings}");
    }
}

#[test]
fn secrets_are_references_and_are_never_repeated() {
    for findings in [
        changed("address = \"127.0.0.1:7010\"", "address = \"127.0.0.1:7010\"\ntoken = \"hunter2\""),
        changed("agent_login = \"5002\"", "agent_login = \"5002\"\npassword_ref = \"hunter2\""),
    ] {
        assert!(findings.contains("a reference to a secret"), "{findings}");
        assert!(!findings.contains("hunter2"), "{findings}");
    }
}

#[test]
fn every_mistake_is_reported_in_order() {
    let text = GOOD.replace("[uc]", "[uc]\nbenotfy = true").replace("7010", "x").replace("5002@SIP_Switch", "5002@Other");
    let findings = checked(&text).1;
    let lines: Vec<&str> = findings.lines().collect();
    assert_eq!(lines.len(), 4, "{findings}");
    assert!(lines[0].starts_with("t.toml:3:1:") && lines[1].starts_with("t.toml:11:11:") && lines[2].starts_with("t.toml:16:7:"), "{findings}");
    assert_eq!(lines[3], "3 errors, 0 warnings");
}

#[test]
fn duplicates_name_the_first() {
    let second =
        "[[person]]\nemployee_id = \"1001\"\nsip_uri = \"sip:ALICE@example.com\"\nagent_login = \"5002\"\ndns = [\"5002@SIP_Switch\", \"5003@SIP_Switch\"]\n";
    let findings = checked(&format!("{GOOD}{second}")).1;
    for expected in [
        "t.toml:17:15: error: employee_id `1001` is already taken by t.toml:12:15",
        "t.toml:18:11: error: SIP URI `sip:ALICE@example.com` is already taken by t.toml:13:11",
        "t.toml:19:15: error: agent_login `5002` is already taken by t.toml:14:15",
        "t.toml:20:7: error: DN `5002@SIP_Switch` is already taken by t.toml:15:7",
    ] {
        assert!(findings.contains(expected), "{findings}");
    }
}

#[test]
fn too_many_workers_for_the_watchers() {
    let people: String = (0..5).map(|n| format!("[[person]]\nemployee_id = \"{n}\"\nsip_uri = \"sip:w{n}@example.com\"\n")).collect();
    let findings = checked(&format!("[uc.pace]\nusers_per_watcher_max = 2\n{GOOD}{people}")).1;
    assert!(findings.contains("6 workers are to be watched, but 1 watcher of `users_per_watcher_max` 2 can watch 2; add 2 `[[uc.watcher]]`"), "{findings}");
}

#[test]
fn people_from_csv() {
    let mut findings = Findings::default();
    let switches = ["S1", "S2"];
    let mut people = People::new(&switches);
    let text = "\u{feff}employee_id,display_name,dns,sip_uri,agent_login\r\n\
                1,\"Mûller, \"\"Al\"\"\",5001@S1;6001@S2,sip:a@x.example,5001\r\n\
                2,Bob\nand,x\n\
                \n\
                3,\"open";
    people::read_csv("p.csv", text, &mut people, &mut findings);
    let person = &people.persons[0];
    assert_eq!((&*person.display_name, person.dns.len(), person.dns[1].switch), ("Mûller, \"Al\"", 2, 1));
    let findings = findings.to_string();
    for expected in [
        "p.csv:3:1: error: 2 fields instead of 5; put fields that contain a comma in double quotes",
        "p.csv:4:1: error: 2 fields instead of 5",
        "p.csv:6:3: error: the double quote that begins here is never closed",
    ] {
        assert!(findings.contains(expected), "{findings}");
    }
}

#[test]
fn csv_columns_are_checked() {
    for (header, expected) in [
        ("employee_id,sipuri\n", "p.csv:1:13: error: there is no column `sipuri`; did you mean `sip_uri`?"),
        ("employee_id,place,place\n", "p.csv:1:19: error: column `place` is there twice"),
        ("place\n", "column `employee_id` is missing"),
        ("", "p.csv: error: the file is empty; its first line names the columns: employee_id,user_name"),
        ("employee_id,dns\n7,5001@S3\n", "p.csv:2:3: error: DN `5001@S3` is on switch `S3`, which is not configured"),
        ("employee_id,language\n7,de_DE\n", "p.csv:2:3: error: language is `de_DE`, it must be a language tag, as in `de` or `pt-BR`"),
        ("employee_id\n7\n7\n", "p.csv:3:1: error: employee_id `7` is already taken by p.csv:2:1; employee ids are unique"),
    ] {
        let mut findings = Findings::default();
        people::read_csv("p.csv", header, &mut People::new(&["S1"]), &mut findings);
        assert!(findings.to_string().contains(expected), "{header}: {findings}");
    }
}

#[test]
fn workers_without_a_page_are_told_in_their_language() {
    let person = GOOD.replace("employee_id = \"1001\"", "employee_id = \"1001\"\nlanguage = \"it\"");
    let texts = "invite_texts = [\"it: Un cliente: {link}\"]\ninvite_toasts = [\"it: Un cliente\"]\n";
    let core = good(&format!("[preview]\n{texts}[web]\nlanguage = \"fr\"\n{person}")).core;
    let invite = &core.preview.invite;
    assert_eq!(invite.words_for(&core.people[0].language), ("Un cliente: {link}", "Un cliente"));
    assert!(invite.words_for("").0.starts_with("Un client vous"), "the language of the pages");
    assert!(good(&format!("[preview]\ninvite_text = \"x {{link}}\"\n[web]\nlanguage = \"fr\"\n{GOOD}")).core.preview.invite.words_for("").0.starts_with("x "));
    let long = "x".repeat(81);
    for (option, expected) in [
        ("invite_texts = [\"Un cliente\"]", "t.toml:2:16: error: `Un cliente` must be a language tag, a colon and the text"),
        ("invite_texts = [\"it: a\", \"IT: b\"]", "error: language `IT` is there twice"),
        (&*format!("invite_toasts = [\"it: {long}\"]"), "error: the text of language `it` is 81 bytes, the limit is 80"),
        ("invite = \"message\"", "`cwe_url` is ``, it must be the address of the workers' pages and `/t/{token}`"),
        ("invite = \"context\"\ncwe_url = \"https://u/t/{token}\"", "`cwe_app_id` is ``, it must be a GUID in braces"),
        ("invite = \"message\"\ncwe_url = \"https://u/t/{token}\"", "there are none; write `listen` in [web]"),
    ] {
        let findings = checked(&format!("[preview]\n{option}\n{GOOD}")).1;
        assert!(findings.contains(expected), "{expected}\n{findings}");
    }
}

/// A good file in this mode, with mutual TLS.
fn publishing(mode: &str, rest: &str) -> String {
    let tls = "[uc.tls]\ncertificate = \"Cargo.toml\"\nkey = \"Cargo.toml\"\n";
    format!("connector.mode = \"{mode}\"\n{tls}{rest}{GOOD}")
}

#[test]
fn what_is_published_arrives() {
    use uc_core::config::{AfterRule, Mode, PublishConfig, PublishWay, Sync, UserActionRule};
    let core = good(&publishing("bidirectional", "")).core;
    assert_eq!((core.mode, &core.publish), (Mode::Bidirectional, &PublishConfig::default()));
    let rest = "[publish]\nacw = \"wrap-up\"\nlegal_guard = \"\"\nafter = \"stand\"\nway = \"direct\"\nuser_action = \"aggregate\"\nconflict_retry_ms = 100\n\
                [publish.push]\nready = \"\"\nmodes = [\"4=away\", \"3=\"]\n\
                [[publish.state]]\nname = \"wrap-up\"\ntext = \"Nacharbeit\"\navailability = 9500\nnote = \"bis gleich\"\n\
                [[publish.state]]\nname = \"away\"\navailability = 15500\n[[publish.state]]\nname = \"ready\"\navailability = 3600\n";
    let text = publishing("push-only", rest).replace("employee_id = \"1001\"", "employee_id = \"1001\"\nsync = \"push\"");
    let core = good(&text).core;
    let publish = &core.publish;
    assert_eq!((publish.acw, publish.legal_guard, publish.after), (Some(4), None, AfterRule::Stand));
    assert_eq!((publish.way, publish.user_action, publish.conflict_retry_ms), (PublishWay::Direct, UserActionRule::Aggregate, [100, 200, 400]));
    assert_eq!((publish.push.ready, &*publish.push.modes), (None, &[(4, Some(5)), (3, None)][..]));
    assert_eq!((publish.states[4].availability, &*publish.states[4].text, publish.states[4].note.as_deref()), (9500, "Nacharbeit", Some("bis gleich")));
    assert_eq!((publish.states.len(), publish.states[2].availability), (6, 3600));
    assert_eq!(core.people[0].sync, Sync::Push);
}

#[test]
fn modes_that_do_not_fit_are_refused() {
    let alone = GOOD.split("[[switch]]").nth(1).map(|rest| format!("connector.mode = \"standalone\"\n[[switch]]{rest}")).unwrap();
    assert_eq!(checked(&format!("choice.store = \"choices.db\"\n{alone}")).1, "");
    for (text, expected) in [
        (format!("connector.mode = \"standalone\"\n{GOOD}"), "t.toml:1:18: error: mode `standalone` has no UC platform, but there is a section [uc]"),
        (alone.replace("standalone", "bidirectional"), "mode `bidirectional` needs the UC platform; write [uc]"),
        (alone.replace("standalone", "push-only"), "mode `push-only` needs the UC platform to publish to"),
        (
            format!("connector.mode = \"push-only\"\n{GOOD}"),
            "must be a trusted application, which the Front End knows by its certificate; write `certificate` and `key`",
        ),
        (format!("connector.mode = \"bidirectional\"\n{}", GOOD.replace("[uc]", "[uc]\ntransport = \"tcp\"")), "over mutual TLS; write `transport = \"tls\"`"),
        (publishing("bidirectional", "[publish]\nway = \"direct\"\n"), "there is no roaming-self subscription; write `user_action = \"aggregate\"`"),
        (publishing("bidirectional", "[publish]\nacw = \"acv\"\n"), "there is no state `acv`; did you mean `acw`?"),
        (publishing("bidirectional", "[publish.push]\nmodes = [\"9=acw\"]\n"), "`modes` has \"9=acw\"; write \"MODE=STATE\""),
        (publishing("bidirectional", "[publish.push]\nmodes = [\"3=acw\", \"3=ready\"]\n"), "`modes` has mode 3 twice"),
        (publishing("bidirectional", "[[publish.state]]\nname = \"acw\"\n"), "warning: the state of `acw` has no text"),
        (publishing("bidirectional", "[[publish.state]]\nname = \"x\"\n[[publish.state]]\nname = \"x\"\n"), "state `x` is there twice"),
        (format!("publish.echo_ms = 1\n{GOOD}"), "warning: [publish] has no effect in this mode"),
        (GOOD.replace("employee_id = \"1001\"", "employee_id = \"1001\"\nsync = \"pul\""), "sync is `pul`, it must be `both`, `pull`, `push` or `off`"),
    ] {
        let findings = checked(&text).1;
        assert!(findings.contains(expected), "{expected}\n{findings}\n{text}");
    }
}

#[test]
fn the_example_is_valid_and_equals_the_defaults() {
    let (settings, findings) = checked(&example());
    assert_eq!(findings, "");
    let (example, plain) = (settings.unwrap(), good(GOOD));
    assert_eq!(example.core.uc.timers, plain.core.uc.timers);
    assert_eq!((&example.core.uc.pace, &example.core.cti.pace, &example.core.cti.timers), (&plain.core.uc.pace, &plain.core.cti.pace, &plain.core.cti.timers));
    assert_eq!((&example.core.presence, &example.core.limits, example.core.note_level), (&plain.core.presence, &plain.core.limits, plain.core.note_level));
    assert_eq!(format!("{:?}{:?}", example.ops, example.log), format!("{:?}{:?}", plain.ops, plain.log));
    assert_eq!(example.write_queue_bytes_max, plain.write_queue_bytes_max);
    assert_eq!((&example.core.uc.user_agent, &example.core.uc.categories), (&plain.core.uc.user_agent, &plain.core.uc.categories));
}

/// With what is commented out uncommented, every option in the table is read once.
#[test]
fn commented_options_of_the_example_are_valid_too() {
    let text: String = example().lines().filter(|line| !line.starts_with("# people =")).fold(String::new(), |text, line| {
        let option = line
            .strip_prefix("# ")
            .filter(|l| l.starts_with('[') || l.split_once(" = ").is_some_and(|(k, _)| k.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        text + option.unwrap_or(line) + "\n"
    });
    let text = text.replace("\"hot\"", "\"single\"").replace("\"note\"]", "\"note\", \"calendarData\"]");
    let findings = checked(&text).1;
    let wrong: Vec<&str> = findings.lines().filter(|l| l.contains(" error: ") && !l.contains("cannot be read")).collect();
    assert_eq!(wrong, Vec::<&str>::new(), "{text}");
}

#[test]
fn documentation_is_up_to_date() {
    for (file, made) in [("configuration.md", reference()), ("uc-connector.example.toml", example())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == made,
            "docs/{file} is out of date; run `cargo run -- example > docs/uc-connector.example.toml` and `cargo run -- reference > docs/configuration.md`"
        );
    }
}

const STANDALONE: &str = r#"
connector.mode = "standalone"
connector.login_queue = "8000"
choice.store = "choices.db"
[[switch]]
name = "SIP_Switch"
[[switch.server]]
name = "T1"
address = "127.0.0.1:7010"
[[person]]
employee_id = "1001"
agent_login = "5002"
dns = "5002@SIP_Switch"
[[person]]
employee_id = "1002"
agent_login = "5003"
login_queue = "8001"
dns = "5003@SIP_Switch"
"#;

#[test]
fn standalone_needs_no_uc_section() {
    let (settings, findings) = checked(STANDALONE);
    assert_eq!(findings, "");
    let settings = settings.unwrap();
    let core = &settings.core;
    assert!(!core.mode.has_uc() && core.uc.endpoints.is_empty() && core.uc.watchers.is_empty() && settings.uc_tls.is_none());
    assert_eq!(core.people.iter().map(|person| &*person.login_queue).collect::<Vec<_>>(), ["8000", "8001"]);
    assert_eq!(settings.choice.store.as_deref(), Some(Path::new("./choices.db")));
    let (settings, findings) = checked(&format!("{STANDALONE}\n[uc]\nendpoints = [\"a:1\"]\n[[uc.watcher]]\nuri = \"sip:w@a\"\n"));
    assert!(settings.is_none() && findings.contains("there is a section [uc]; remove it"), "{findings}");
    assert!(checked(&STANDALONE.replace("choice.store = \"choices.db\"", "")).1.contains("forgotten by a restart"));
}

#[test]
fn a_document_of_states_is_checked_but_never_in_the_way() {
    let folder = std::env::temp_dir().join(format!("uc-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let with = |document: &str| {
        std::fs::write(folder.join("p.xml"), document).unwrap();
        let mut findings = Findings::default();
        let text = STANDALONE.replace("choice.store", "choice.presence_location = \"p.xml\"\nchoice.store");
        (check_text("t.toml", &text, &folder, &mut findings).unwrap(), findings.to_string())
    };
    let (settings, findings) = with(include_str!("../../../docs/presence.xml"));
    assert_eq!((findings.as_str(), settings.core.choice.states.len()), ("", 5));
    let (settings, findings) = with("<presence\n\n>");
    assert!(findings.contains("p.xml:") && findings.contains("warning") && findings.contains("stay in use"), "{findings}");
    assert_eq!((settings.core.choice.states.len(), settings.choice.catalogue, settings.choice.faults.len()), (2, None, 1));
    std::fs::remove_dir_all(&folder).unwrap();
    let url = STANDALONE.replace("choice.store", "choice.presence_location = \"https://example.com/presence.xml\"\nchoice.store");
    assert_eq!(checked(&url).1, "");
    assert!(checked(&url.replace("https:", "ftp:")).1.contains("a file or an http or https URL"));
}

#[test]
fn a_standard_server() {
    let changed = |to: &str| good(&GOOD.replacen("[uc]", to, 1));
    let settings = changed(
        "[uc.simple]\nlist = \"sip:team@example.com\"\ncalls = \"early\"\n[[uc.credential]]\nuser = \"uc\"\npassword = \"env:PW\"\n\
         [uc]\nkind = \"simple\"\ntransport = \"udp\"",
    );
    let uc = &settings.core.uc;
    let simple = uc.kind.simple().expect("the standard kind");
    assert_eq!((uc.transport(), uc.register, uc.pace.clone()), (uc_core::uc_event::Transport::Udp, false, UcPace::open()));
    assert_eq!((simple.list_uri.as_deref(), simple.calls), (Some("sip:team@example.com"), uc_core::config::CallRule::Early));
    assert_eq!((&*simple.credentials[0].user, &*simple.credentials[0].password_ref, &*simple.credentials[0].realm), ("uc", "env:PW", ""));
    let settings = changed("[connector]\nmode = \"bidirectional\"\n[uc]\nkind = \"simple\"\nregister = true\ntransport = \"tcp\"");
    assert!(settings.core.uc.register && settings.core.publish.user_action == uc_core::config::UserActionRule::Aggregate);
}

#[test]
fn proxies_are_networks_or_refused() {
    let of = |proxies: &str| format!("web.listen = \"127.0.0.1:1\"\n[web.sso]\nkind = \"header\"\nproxies = {proxies}\n{GOOD}");
    let settings = good(&of("[\"10.0.0.5\", \"2001:db8::/32\"]"));
    assert_eq!(settings.web.sso.proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.5/32", "2001:db8::/32"]);
    for wrong in ["proxy.example.com", "10.0.0.0/33", "10.0.0.0/", "::/129"] {
        let (settings, findings) = checked(&of(&format!("[\"10.0.0.5\", \"{wrong}\"]")));
        assert!(settings.is_none() && findings.contains(&format!("`{wrong}` is none")), "{wrong}: {findings}");
    }
    assert!(checked(&of("\"10.0.0.5\"")).0.is_none());
}
