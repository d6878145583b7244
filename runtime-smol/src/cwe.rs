//! `cwe-registration`: the registry file that makes the workers' page known to Lync and Skype for Business clients as a window beside conversations
//! (`spec/ms-pres.md` 7.6, `spec/uc-connector-functional.md` 5.8).
//!
//! Keys and values are those published for Lync 2010 and 2013. Decisions of ours: both addresses are the page's own, so that the window also opens for who chooses
//! it from the menu; the page is put into the zone of trusted sites, without which the client shows nothing; a key of Office 16.0 is written, too, in the place
//! where Lync 2013 has its own.
use crate::cli::Exit;
use crate::config_file;
use crate::config_file::invite::{base_of, is_guid};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use uc_core::config::InviteConfig;

/// 400x600 pixels at least.
const WINDOW_SIZE: u32 = 1;
/// The zone of trusted sites.
const TRUSTED: u32 = 2;

/// Prints the file for a configuration.
pub(crate) fn run(config: &Path) -> Exit {
    let settings = match config_file::load(config) {
        Ok(settings) => settings,
        Err(findings) => {
            eprint!("{findings}");
            return Exit::Config;
        }
    };
    match registration(&settings.core.preview.invite) {
        Ok(text) => match std::io::stdout().lock().write_all(&encoded(&text)) {
            Ok(()) => Exit::Fine,
            Err(_) => Exit::Failed,
        },
        Err(why) => {
            eprintln!("uc-connector: {why}");
            Exit::Config
        }
    }
}

/// The text of the file.
///
/// # Errors
/// What the configuration lacks, and what to write.
fn registration(invite: &InviteConfig) -> Result<String, String> {
    let lacks = |option: &str, is: &str, remedy: &str| Err(format!("`{option}` is `{is}`: {remedy}"));
    let Some(base) = base_of(&invite.url) else {
        let remedy =
            "the clients need the address of the workers' pages; write `cwe_url = \"https://ucc.contoso.example/t/{token}\"` in [preview], with your own host";
        return lacks("cwe_url", &invite.url, remedy);
    };
    if !is_guid(&invite.application) {
        let remedy = "the window is registered under a GUID of its own; make one (`uuidgen`) and write `cwe_app_id = \"{...}\"` in [preview]";
        return lacks("cwe_app_id", &invite.application, remedy);
    }
    let (guid, name, address) = (&invite.application, escaped(&invite.name), escaped(&format!("{base}/")));
    let mut out = String::from("Windows Registry Editor Version 5.00\n");
    for (whom, key) in [
        ("Skype for Business 2016 and later", r"Software\Microsoft\Office\16.0\Lync\Addins"),
        ("Lync 2013, Skype for Business 2015", r"Software\Microsoft\Office\15.0\Lync\Addins"),
        ("Lync 2010", r"Software\Microsoft\Communicator\ContextPackages"),
    ] {
        let _ = write!(
            out,
            "\n; {whom}\n[HKEY_CURRENT_USER\\{key}\\{guid}]\n\"Name\"=\"{name}\"\n\"InternalURL\"=\"{address}\"\n\"ExternalURL\"=\"{address}\"\n\
             \"ExtensibilityApplicationType\"=dword:00000000\n\"ExtensibilityWindowSize\"=dword:{WINDOW_SIZE:08x}\n\"DefaultContextPackage\"=dword:00000000\n"
        );
    }
    out.push_str(&zone(base));
    Ok(out)
}

/// Puts the page among the trusted sites; an address of digits cannot be, by this key.
fn zone(base: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
    let authority = rest.split('/').next().unwrap_or_default();
    let host = if authority.starts_with('[') { "" } else { authority.split(':').next().unwrap_or_default() };
    if host.is_empty() || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return format!("\n; Add {base} to the trusted sites (zone 2) by hand: an address of digits has no key of its own\n");
    }
    let key = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings\ZoneMap\Domains";
    format!("\n; The page's site is trusted\n[HKEY_CURRENT_USER\\{key}\\{host}]\n\"{scheme}\"=dword:{TRUSTED:08x}\n")
}

/// A text between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Lines end as there; in UTF-16, as the registry editor writes itself, where a name has letters that are not in ASCII.
fn encoded(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    if text.is_ascii() {
        return text.into_bytes();
    }
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}";

    fn invite(url: &str, application: &str, name: &str) -> InviteConfig {
        InviteConfig { url: url.into(), application: application.into(), name: name.into(), ..InviteConfig::default() }
    }

    #[test]
    fn the_file_has_the_documented_keys() {
        let text = registration(&invite("https://ucc.contoso.example:8443/t/{token}", GUID, r#"The "UC" \ page"#)).unwrap();
        let sections: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        assert_eq!(
            sections,
            [
                r"[HKEY_CURRENT_USER\Software\Microsoft\Office\16.0\Lync\Addins\{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}]",
                r"[HKEY_CURRENT_USER\Software\Microsoft\Office\15.0\Lync\Addins\{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}]",
                r"[HKEY_CURRENT_USER\Software\Microsoft\Communicator\ContextPackages\{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}]",
                r"[HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Internet Settings\ZoneMap\Domains\ucc.contoso.example]",
            ]
        );
        for line in [
            "Windows Registry Editor Version 5.00",
            r#""Name"="The \"UC\" \\ page""#,
            r#""InternalURL"="https://ucc.contoso.example:8443/""#,
            r#""ExternalURL"="https://ucc.contoso.example:8443/""#,
            r#""ExtensibilityApplicationType"=dword:00000000"#,
            r#""ExtensibilityWindowSize"=dword:00000001"#,
            r#""DefaultContextPackage"=dword:00000000"#,
            r#""https"=dword:00000002"#,
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        assert!(text.starts_with("Windows Registry Editor Version 5.00\n") && !text.contains("token"), "no one-time link is registered");
    }

    #[test]
    fn what_lacks_is_named_with_its_remedy() {
        for url in ["", "ucc.contoso.example", "https:///t/{token}", "https://ucc.contoso.example/"] {
            let why = registration(&invite(url, GUID, "UC")).unwrap_err();
            assert!(why.starts_with(&format!("`cwe_url` is `{url}`")) && why.contains("[preview]"), "{why}");
        }
        let why = registration(&invite("https://ucc.contoso.example/t/{token}", "", "UC")).unwrap_err();
        assert!(why.starts_with("`cwe_app_id` is ``") && why.contains("uuidgen"), "{why}");
    }

    #[test]
    fn addresses_of_digits_are_trusted_by_hand() {
        for base in ["https://10.0.0.1:8443", "http://[::1]"] {
            assert!(zone(base).contains("by hand"), "{base}");
        }
        assert!(zone("http://ucc/pages").contains("Domains\\ucc]\n\"http\"=dword:00000002"));
    }

    #[test]
    fn letters_beyond_ascii_make_it_utf_16() {
        assert_eq!(encoded("a\nb\n"), b"a\r\nb\r\n");
        assert_eq!(encoded("\u{e9}\n"), [0xff, 0xfe, 0xe9, 0, b'\r', 0, b'\n', 0]);
    }
}
