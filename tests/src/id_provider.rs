//! A real OpenID provider: oidc-provider on node.
use crate::{Running, absent, patience_left, peer};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What the daemon shows to the provider.
pub const SECRET: &str = "the secret of the daemon at the provider";

/// oidc-provider with one client and a login page that takes any name (`tests/oidc/provider.mjs`).
pub struct IdProvider {
    _process: Running,
}

impl IdProvider {
    /// Starts it and waits until it listens; `None`: something it needs is not installed. `callback` is our redirect URL.
    #[must_use]
    pub fn start(port: u16, callback: &str, algorithm: &str) -> Option<Self> {
        Self::run(port, callback, &[("UC_ALG", algorithm), ("UC_ISSUER", &format!("http://127.0.0.1:{port}"))])
    }

    /// The same with its own pages and under another name of this machine: to a browser it is another site.
    #[must_use]
    pub fn with_pages(port: u16, callback: &str) -> Option<Self> {
        Self::run(port, callback, &[("UC_ALG", "RS256"), ("UC_ISSUER", &format!("http://localhost:{port}")), ("UC_FORMS", "1")])
    }

    fn run(port: u16, callback: &str, more: &[(&str, &str)]) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let modules = std::env::var_os("UC_NODE_MODULES").map_or_else(|| root.join("target/npm/node_modules"), Into::into);
        let node = peer("node")?;
        if !modules.join("oidc-provider").is_dir() {
            absent("oidc-provider (see .ci/run)");
            return None;
        }
        let mut command = Command::new(node);
        command.arg(root.join("tests/oidc/provider.mjs")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("UC_NODE_MODULES", modules).env("UC_PORT", port.to_string()).env("UC_REDIRECT", callback).env("UC_SECRET", SECRET);
        command.envs(more.iter().copied());
        let provider = Self { _process: Running::start(&mut command) };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let _ = patience_left(began, "the OpenID provider");
        }
        Some(provider)
    }
}
