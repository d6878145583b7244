//! The demo in every mode, as its own process: its API comes to the interesting state, `explain` says why in words, and it ends when it is told to.
#![allow(clippy::unwrap_used)]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use uc_tests::{PATIENCE, connector, free_port, get};

/// A running demo; killed when a test fails.
struct Demo {
    child: Child,
    ops: u16,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    fn start(mode: &str) -> Self {
        let ops = free_port();
        let mut command = Command::new(connector());
        command.args(["demo", "--calm", "--workers", "30", "--mode", mode, "--ops", &format!("127.0.0.1:{ops}")]);
        Self { child: command.stdout(Stdio::null()).spawn().unwrap(), ops }
    }

    /// Waits for a worker of this kind; their employee id.
    fn worker(&self, what: &str, so: impl Fn(&Value) -> bool) -> String {
        let began = Instant::now();
        loop {
            let page = get(self.ops, "/api/v1/workers?limit=100").filter(|answer| answer.status == 200);
            let page: Value = page.map_or(Value::Null, |page| serde_json::from_str(&page.body).unwrap());
            if let Some(worker) = page["workers"].as_array().into_iter().flatten().find(|worker| so(worker)) {
                return worker["employee_id"].as_str().unwrap().to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "nobody: {what}; {page}");
            std::thread::yield_now();
        }
    }

    fn explain(&self, worker: &str) -> String {
        let output = Command::new(connector()).args(["explain", worker, "--ops", &format!("127.0.0.1:{}", self.ops)]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits for such a worker whose explanation says so: between the two the story may have gone on.
    fn explained(&self, what: &str, so: impl Fn(&Value) -> bool, texts: &[&str]) {
        let began = Instant::now();
        loop {
            let text = self.explain(&self.worker(what, &so));
            if texts.iter().all(|part| text.contains(part)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "never explained: {what}\n{text}");
        }
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn normal_presence_leads_agents() {
    let demo = Demo::start("normal");
    demo.explained("ready", |w| w["dns"][0]["state"] == "ready", &["Decided by the map, online = ready", "UC platform: online"]);
    assert!(demo.explain("alice").starts_with("kw0001, Alice Archer: sip:alice.archer@contoso.example."));
    demo.stop();
}

#[test]
fn standalone_choices_lead_agents() {
    let demo = Demo::start("standalone");
    demo.explained("available", |w| w["choice"] == "available" && w["dns"][0]["state"] == "ready", &["the worker's own choice"]);
    demo.stop();
}

#[test]
fn bidirectional_shows_after_call_work_and_says_how_it_ended() {
    let demo = Demo::start("bidirectional");
    demo.explained(
        "in After Call Work",
        |w| w["override"] == "after-call-work" && w["published"] == "After Call Work",
        &["After Call Work stands; presence is held back", "the worker's own state, preserved while ours is shown", "\"After Call Work\" (6500) shall show"],
    );
    demo.explained("back by themselves", |w| w["override_ended"] == "T-Server has left it" && w["published"].is_null(), &["ended", "T-Server has left it"]);
    demo.explained("ended it by hand", |w| w["override_ended"] == "the worker chose a state", &["the worker chose a state"]);
    demo.stop();
}

#[test]
fn push_only_shows_agents() {
    let demo = Demo::start("push-only");
    demo.explained(
        "not ready is shown",
        |w| w["dns"][0]["state"] == "not-ready" && w["published"] == "Contact centre",
        &["presence does not drive this agent", "Publication: \"Contact centre\""],
    );
    demo.explained("After Call Work is shown", |w| w["published"] == "After Call Work", &["Publication: \"After Call Work\""]);
    demo.stop();
}
