//! What is a safe address.

use url::{Host, Url};

/// Why an address is none to use.
pub(super) struct Wrong {
    pub(super) found: String,
    pub(super) expected: &'static str,
    pub(super) remedy: &'static str,
}

/// Reads an address that is called, or that others call. Only what stays on this machine may go without TLS.
pub(super) fn address(text: &str) -> Result<Url, Wrong> {
    let wrong = |expected, remedy| Wrong { found: format!("{text:?}"), expected, remedy };
    let no_url = || wrong("an https:// URL", "Write the whole address, with https:// before it.");
    // The parser forgives what a CRM signs, or a proxy logs, otherwise.
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.contains('\\') {
        return Err(wrong("an https:// URL without blanks", "Take out what doesn't belong to the address."));
    }
    let url = Url::parse(text).map_err(|_| no_url())?;
    if !url.username().is_empty() || url.password().is_some() {
        let expected = "an https:// URL without a name or password";
        return Err(Wrong {
            found: "one with credentials in it (not shown)".to_owned(),
            expected,
            remedy: "Take them out: secrets are only named in this file.",
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("an https:// URL without '?' and '#'", "Take out all that follows the path."));
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong("an https:// URL (http:// only on this machine)", "Write https:// in place of http://.")),
        _ => Err(no_url()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
