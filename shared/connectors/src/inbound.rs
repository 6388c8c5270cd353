//! What a third party sends us. Checked is a type: only a `Delivery<Verified>` has a body to read, and only a check of its
//! bytes makes one. How it is checked, and what it says, is the vendor's.

use std::fmt;

use jiff::Timestamp;
use leadgate_enrichment::lead::event::CrmEvent;
use reqwest::header::HeaderMap;
use serde_json::error::Category;
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;

/// Not checked yet.
#[derive(Debug)]
pub struct Unverified(());

/// The vendor's own. Made only by [`Delivery::verified_by`].
#[derive(Debug)]
pub struct Verified(());

/// One webhook POST.
pub struct Delivery<S> {
    method: String,
    headers: HeaderMap,
    body: Vec<u8>,
    path_secret: Option<Secret>,
    received_at: Timestamp,
    state: S,
}

impl<S> fmt::Debug for Delivery<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} bytes)", self.body.len())
    }
}

impl Delivery<Unverified> {
    /// As it arrived: the body's raw bytes, since that is what is signed.
    pub fn new(method: &str, headers: HeaderMap, body: Vec<u8>) -> Self {
        let (method, state) = (method.to_owned(), Unverified(()));
        Self { method, headers, body, path_secret: None, received_at: Timestamp::UNIX_EPOCH, state }
    }

    /// The same, received then.
    #[must_use]
    pub fn received_at(self, received_at: Timestamp) -> Self {
        Self { received_at, ..self }
    }

    /// The same, at an address that ends in this.
    #[must_use]
    pub fn with_path_secret(self, path_secret: Option<Secret>) -> Self {
        Self { path_secret, ..self }
    }

    /// Its method, in capitals.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What the address that it was sent to ends in, if that is more than the tenant's name.
    pub fn path_secret(&self) -> Option<&Secret> {
        self.path_secret.as_ref()
    }

    /// What a signature is made over. Nothing may be parsed of it.
    pub fn raw(&self) -> &[u8] {
        &self.body
    }

    /// The same delivery, if the check says that it comes from the vendor.
    pub fn verified_by(
        self,
        check: impl FnOnce(&Self) -> Result<(), SignatureError>,
    ) -> Result<Delivery<Verified>, SignatureError> {
        check(&self)?;
        let Self { method, headers, body, path_secret, received_at, state: Unverified(()) } = self;
        Ok(Delivery { method, headers, body, path_secret, received_at, state: Verified(()) })
    }
}

impl<S> Delivery<S> {
    /// A header, if it is there once and in plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let only = values.next().filter(|_| values.next().is_none());
        only.and_then(|value| value.to_str().ok())
    }
}

impl Delivery<Verified> {
    /// The raw bytes.
    pub fn body(&self) -> &[u8] {
        let Verified(()) = self.state;
        &self.body
    }

    /// When it arrived, by our clock.
    pub fn arrived_at(&self) -> Timestamp {
        self.received_at
    }

    /// Whether it was sent to an address that ends in a secret.
    pub fn has_path_secret(&self) -> bool {
        self.path_secret.is_some()
    }
}

/// The body of an answer, where a vendor waits for words of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// What it is.
    pub content_type: &'static str,
    /// The words.
    pub body: &'static str,
}

/// For vendors that go by the status alone, and are told what became of a delivery in our own words.
pub fn plain(_: &str, _: bool) -> Option<Reply> {
    None
}

/// Why a delivery isn't believed. None of them holds a secret, a signature or a part of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header that isn't there.
    #[error("found no header {0}")]
    MissingHeader(&'static str),
    /// The same, of a header that the configuration names.
    #[error("found no header {0}")]
    MissingNamedHeader(String),
    /// Where a token should be echoed, there is none.
    #[error("found no token in the {0}")]
    MissingToken(String),
    /// A timestamp that can't be one.
    #[error("found a timestamp that {why}, expected {expected}")]
    Timestamp {
        /// What is wrong with it.
        why: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// Too old, or too far in the future.
    #[error("the timestamp is more than {seconds} seconds away from now")]
    Stale {
        /// How far it may be.
        seconds: u64,
    },
    /// Every signing secret is blank.
    #[error("there is no signing secret: every one of them is blank")]
    NoSecret,
    /// Not made with one of the secrets over what arrived and the configured URL.
    #[error("the signature doesn't match")]
    Mismatch,
    /// Signed in a way that isn't switched on.
    #[error("signed by {0}, which isn't switched on")]
    NotAllowed(&'static str),
    /// Says that it is signed in a way that we don't know.
    #[error("signed by a version that doesn't exist")]
    UnknownVersion,
}

/// Compares in constant time, and with every secret: how long it takes tells nothing. A blank one, as a placeholder for
/// the next secret may be, is known to all the world: it signs nothing.
pub fn any_matches<const N: usize>(
    secrets: &[Secret],
    given: &[u8],
    digest: impl Fn(&Secret) -> [u8; N],
) -> Result<(), SignatureError> {
    let mut secrets = secrets.iter().filter(|secret| !secret.expose().is_empty()).peekable();
    if secrets.peek().is_none() {
        return Err(SignatureError::NoSecret);
    }
    let found = secrets.fold(Choice::from(0), |found, secret| found | digest(secret).as_slice().ct_eq(given));
    if found.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// Why a body can't be read. None of them holds a value from the body but an account's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, not UTF-8, or cut off.
    #[error("line {line}, column {column}: {why}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// Not XML, cut off, or XML that is refused unread.
    #[error("byte {at}: {why}")]
    Xml {
        /// Counted from 0.
        at: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// Something else than the vendor documents, where it matters.
    #[error("{path}: found {found}, expected {expected}")]
    Shape {
        /// Where: `[3].objectId`, or `body`.
        path: String,
        /// What kind of value is there.
        found: &'static str,
        /// What kind of value should be.
        expected: &'static str,
    },
    /// Meant for another account of the vendor's. None of the delivery is carried out, so that none is done by halves.
    #[error("found account {found}, expected {expected}")]
    Account {
        /// The account in the event.
        found: String,
        /// The tenant's.
        expected: String,
    },
    /// More events than a delivery holds.
    #[error("found {found} events, expected at most {most}")]
    TooMany {
        /// How many.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}

impl From<serde_json::Error> for BodyError {
    /// Says where, but not in the parser's own words: those repeat values.
    fn from(error: serde_json::Error) -> Self {
        let why = match error.classify() {
            Category::Eof => "ends too early",
            Category::Data => "a field that is given twice",
            Category::Syntax | Category::Io => "not JSON",
        };
        Self::Json { line: error.line(), column: error.column(), why }
    }
}

/// What a delivery says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// What can be read of it, in its order.
    pub read: Vec<CrmEvent>,
    /// Why each of the others can't be.
    pub unreadable: Vec<BodyError>,
}

/// What an event from an event bus says. Which tenant it is for is a matter of its source.
#[derive(Debug, PartialEq, Eq)]
pub enum BusEvents {
    /// This, of the tenant's account.
    Ours(Events),
    /// Nothing for this tenant: it is of another account.
    OfAnother,
}

/// Why what a provider delivers can't be read. It repeats nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON, or no object.
    #[error("found something else, expected a JSON object")]
    NotAnObject,
    /// It names no person.
    #[error("people: found {0}, expected a list of people with their ids")]
    People(&'static str),
    /// It names no call.
    #[error("data: found {0}, expected the call that has ended")]
    Call(&'static str),
}
