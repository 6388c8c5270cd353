//! Who is let in. The world is served on loopback, but a web page that is open on the same machine can reach it there, by
//! a name that resolves to this machine: what it asks for then carries that name as its host.

use axum::Router;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

/// The doors that are meant for others, who reach them by a tunnel's name. What comes in there is signed.
const DOORS: [&str; 8] =
    ["/attio/", "/close/", "/zoho/", "/hooks/", "/hubspot/", "/pipedrive/", "/salesforce/", "/apollo/"];
/// This machine's own names.
const OWN: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// These routes, for who asks for this machine by one of its own names. Where services are real, nobody makes faults or
/// turns the clock.
pub(super) fn guarded(routes: Router, controlled: bool) -> Router {
    routes.layer(from_fn(move |request: Request, next: Next| async move {
        match refused(&request, controlled) {
            Some(refusal) => refusal,
            None => next.run(request).await,
        }
    }))
}

fn refused(request: &Request, controlled: bool) -> Option<Response> {
    let path = request.uri().path();
    if DOORS.iter().any(|door| path.starts_with(door)) {
        return None;
    }
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok()).or(request.uri().host());
    if !named.is_some_and(is_own) {
        let sentence = "This is served for this machine only: ask for it at 127.0.0.1 or localhost.\n";
        return Some((StatusCode::FORBIDDEN, sentence).into_response());
    }
    if !controlled && is_control(request.method(), request.uri()) {
        let sentence = "The clock and the faults are off, because keys of real services are in the environment.\n";
        return Some((StatusCode::FORBIDDEN, sentence).into_response());
    }
    None
}

/// Whether a host, with its port or without, is this machine's own name.
fn is_own(host: &str) -> bool {
    let is_port = |rest: &str| {
        let digits = rest.strip_prefix(':').unwrap_or("0");
        (rest.is_empty() || rest.starts_with(':')) && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
    };
    OWN.iter().any(|own| {
        host.get(..own.len()).is_some_and(|name| name.eq_ignore_ascii_case(own)) && is_port(&host[own.len()..])
    })
}

fn is_control(method: &Method, uri: &Uri) -> bool {
    let path = uri.path();
    let turns_the_clock = path == "/simulators/clock" && method != Method::GET;
    turns_the_clock || path.ends_with("/faults")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_its_own() {
        for own in ["127.0.0.1", "127.0.0.1:8787", "localhost:1", "LOCALHOST", "[::1]:8787"] {
            assert!(is_own(own), "{own}");
        }
        for foreign in ["evil.example", "localhost.evil.example:8787", "127.0.0.1.evil.example", "localhost:x", ""] {
            assert!(!is_own(foreign), "{foreign}");
        }
    }

    #[test]
    fn foreign_hosts_only_reach_the_doors_and_real_services_have_no_controls() {
        let status = |method: &str, path: &str, host: &str, controlled| {
            let request = Request::builder().method(method).uri(path).header(HOST, host);
            let request = request.body(axum::body::Body::empty()).expect("a request");
            refused(&request, controlled).map(|refusal| refusal.status().as_u16())
        };
        assert_eq!(status("GET", "/simulators/clock", "evil.example", true), Some(403));
        assert_eq!(status("POST", "/simulators/apollo/faults", "evil.example:8787", true), Some(403));
        assert_eq!(status("POST", "/hubspot/demo", "tunnel.example", true), None);
        assert_eq!(status("POST", "/apollo/demo/TOKEN", "tunnel.example", true), None);
        assert_eq!(status("POST", "/simulators/clock", "localhost:8787", true), None);
        assert_eq!(status("POST", "/simulators/clock", "localhost:8787", false), Some(403));
        assert_eq!(status("GET", "/simulators/clock", "localhost:8787", false), None);
        assert_eq!(status("DELETE", "/simulators/hubspot/faults", "localhost:8787", false), Some(403));
    }
}
