//! Hours in which the tables can't be reached, or the CRM wants to be left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadgate_enrichment::clock::{Clock, later, until};

use super::crm::Crm;
use super::play::Play;
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::Break;

/// How often somebody tries, whatever it is that goes on.
const STEP: Duration = Duration::from_secs(10 * 60);
/// How often the schedule runs in an outage.
const STEPS_PER_RELEASE: u32 = 6;

impl Play {
    /// From the given call on no table can be reached. Workers and the schedule go on meanwhile.
    pub(super) async fn outage(&mut self, lasts: Duration, from: usize) {
        self.world.wire.break_by(move |call| {
            (call.index >= from && call.operation.starts_with("dynamodb")).then_some(Break::Refused)
        });
        let (mut passed, mut steps) = (Duration::ZERO, 0);
        while passed < lasts {
            self.world.pump.run_dry(1).await;
            if steps % STEPS_PER_RELEASE == 0 {
                self.world.run_release_or_die().await;
            }
            self.world.clock.turn(STEP);
            (passed, steps) = (passed + STEP, steps + 1);
        }
        self.world.wire.mend();
        self.note_meanwhile();
    }

    /// The CRM turns every call away for so long, and says how long that will be. Workers go on meanwhile, and no message
    /// makes them ask twice.
    pub(super) async fn crm_rests(&mut self, lasts: Duration, findings: &mut Findings) {
        let (clock, asked) = (self.world.clock.clone(), Arc::new(AtomicUsize::new(0)));
        let (ends, count) = (later(clock.now(), lasts), asked.clone());
        self.world.crm().faults().decide_by(move |_| {
            let left = until(clock.now(), ends);
            (!left.is_zero()).then(|| {
                count.fetch_add(1, Ordering::SeqCst);
                Fault::Throttle { retry_after: Some(left) }
            })
        });
        let messages = self.world.waiting().await;
        let mut passed = Duration::ZERO;
        while passed < lasts {
            self.world.pump.run_dry(1).await;
            self.world.clock.turn(STEP);
            passed += STEP;
        }
        Crm::tap(&self.world);
        let asked = asked.load(Ordering::SeqCst);
        findings.check(asked <= messages, Promise::Order, || {
            format!("the CRM wanted to rest for {lasts:?}, and {messages} messages made workers ask it {asked} times")
        });
        self.note_meanwhile();
    }
}
