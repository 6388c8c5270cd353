//! What is asked of a simulated provider, whichever it is.

use super::apollo::{Apollo, Asked, Ledger, Person};
use super::exchange::{CallHook, EndHook, Vendor as _};
use super::fault::{Fault, Faults};

/// A provider that knows people.
pub trait SimulatedProvider: Send + Sync {
    /// Its name, as people write it.
    fn name(&self) -> &'static str;
    /// What it is told to do wrong.
    fn faults(&self) -> &Faults;
    /// What was charged, and what was turned away: the truth that our own books are compared with.
    fn ledger(&self) -> Ledger;
    /// Begins a new cycle with so many credits of each kind, in thousandths. What was left is gone.
    fn begin_cycle(&self, milli: i64);
    /// Has so many credits of each kind left in the running cycle, in thousandths.
    fn set_left(&self, milli: i64);
    /// Whom it would answer with if it were asked about this address, free of charge.
    fn whom(&self, email: &str) -> Option<Person>;
    /// Doesn't know the person with this address any more.
    fn forget(&self, email: &str);
    /// From now on calls whatever is asked about this address wrong, and nothing else.
    fn refuse(&self, email: &str);
    /// From now on, may not say anything of the person with this address. Whether it has an answer of its own for that.
    fn suppress(&self, email: &str) -> bool;
    /// How it says that the key is wrong.
    fn denial(&self) -> Fault;
    /// A part of the path of each call that may cost something. Blank is every call.
    fn charges_at(&self) -> &'static str {
        ""
    }
    /// Shows each call that is carried out to `hook` before it is, in the place of an earlier hook.
    fn watch_calls(&self, hook: CallHook);
    /// Tells `hook` how each call ends, in the place of an earlier hook.
    fn watch_ends(&self, hook: EndHook);
}

impl SimulatedProvider for Apollo {
    fn name(&self) -> &'static str {
        "Apollo"
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }

    fn ledger(&self) -> Ledger {
        self.ledger()
    }

    fn begin_cycle(&self, milli: i64) {
        self.begin_cycle(milli);
    }

    fn set_left(&self, milli: i64) {
        self.set_left(milli);
    }

    fn whom(&self, email: &str) -> Option<Person> {
        self.whom(&Asked::email(email))
    }

    fn forget(&self, email: &str) {
        self.forget(email);
    }

    /// A call for several is wrong as a whole.
    fn refuse(&self, email: &str) {
        let email = email.to_owned();
        self.faults().decide_by(move |call| {
            let is_about = String::from_utf8_lossy(&call.body).contains(&email);
            is_about.then(|| Fault::Status(422, r#"{"error":"Invalid parameters"}"#.into()))
        });
    }

    fn suppress(&self, _: &str) -> bool {
        false
    }

    fn denial(&self) -> Fault {
        Fault::Status(401, "Invalid API key.".into())
    }

    fn watch_calls(&self, hook: CallHook) {
        self.reception().on_call(hook);
    }

    fn watch_ends(&self, hook: EndHook) {
        self.reception().on_end(hook);
    }
}
