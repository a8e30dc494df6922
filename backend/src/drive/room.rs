//! Room for logs: that of one run has an end, and while the server's disk is nearly full long ones wait.

use api::run::Reason;

use super::{Driver, End, Halt};
use crate::{app::Room, config::Size};

impl Driver {
    /// Why the run must end because of its log, if it must.
    pub(super) fn log_is_full(&self) -> Option<End> {
        let most = self.app.config.runs.log_bytes;
        (most < self.record.log_bytes).then(|| {
            let most = Size(most);
            End::new(
                Reason::LogFull,
                format!(
                    "The run's log has more than the {most} bytes that a log may have; let the agent print less, \
                     or raise --log-bytes (CAISSON_LOG_BYTES)."
                ),
            )
        })
    }

    /// Whether so many bytes more of what the agent says can be stored now. If not, the run waits until they can.
    pub(super) fn has_room(&mut self, more: u64) -> bool {
        let has_room = !self.app.look_for_room().holds(self.record.log_bytes + more);
        self.unstored = if has_room { 0 } else { more };
        has_room
    }

    /// Whether this run has to wait before more of what its agent says is stored. Tells it the first time.
    pub(super) async fn waits_for_room(&mut self, room: Room) -> Result<bool, Halt> {
        let waits = room.holds(self.record.log_bytes + self.unstored);
        if waits && !self.told_room {
            self.told_room = true;
            let text = "The server's disk is nearly full: what the agent says waits in its container until there is \
                        room. Other runs go on as long as their logs are short.";
            self.notice("disk", text).await?;
        }
        Ok(waits)
    }
}
