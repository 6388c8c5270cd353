//! Hours in which the tables can't be reached.

use std::time::Duration;

use super::play::Play;
use crate::world::Break;

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
}
