//! A worker and the schedule, at the same time.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;

use super::play::Play;

impl Play {
    /// A worker stands still at its `at`th call until the schedule has run.
    pub(super) async fn work_beside(&mut self, at: usize) {
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
        self.world.run_release().await;
        if !has_ended {
            work.await;
        }
        self.world.wire.mend();
        self.note_meanwhile();
    }
}
