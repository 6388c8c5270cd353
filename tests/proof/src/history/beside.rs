//! A worker and the schedule, or another worker, at the same time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::play::Play;

/// What is left of a worker's time when its messages come again.
const LEFT: Duration = Duration::from_secs(5);

impl Play {
    /// A worker stands still at its `at`th call until the schedule has run. If it is `slow`, nearly all of its time goes
    /// by, and its messages are delivered a second time, before it goes on. Where everything is to be known, nobody is
    /// slow: the worker's time may end between a charging call and its answer.
    pub(super) async fn work_beside(&mut self, at: usize, slow: bool) {
        let batch = self.world.pump.receive().await;
        if batch.is_empty() {
            return;
        }
        let is_there = Arc::new(Notify::new());
        let tell = is_there.clone();
        self.world.wire.break_by(move |call| {
            if call.index == at {
                tell.notify_one();
            }
            None
        });
        let pump = self.world.pump.clone();
        let mut work = pin!(pump.invoke(batch));
        let has_ended = tokio::select! {
            biased;
            () = is_there.notified() => false,
            () = &mut work => true,
        };
        // Nobody polls the worker meanwhile.
        if slow && !has_ended && !self.calm {
            self.world.clock.turn(self.world.worker_timeout().saturating_sub(LEFT));
            self.world.pump.show_hidden().await;
            self.world.pump.round().await;
        }
        self.world.run_release().await;
        if !has_ended {
            work.await;
        }
        self.world.wire.mend();
        self.note_meanwhile();
    }
}
