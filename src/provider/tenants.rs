//! Which lane a job waits in.

use super::job::Options;
use crate::config::ProviderConfig;
use crate::queue::{LaneId, LaneSpec};

/// The turns of the high, the normal and the low lane while all three have jobs (S21).
const WEIGHTS: [u32; 3] = [8, 4, 1];

/// The lanes of a provider's queues.
pub(super) fn lanes(config: &ProviderConfig) -> Vec<LaneSpec> {
    let normal = config.queue_capacity;
    let high = config.queue_capacity_high.unwrap_or(normal);
    let low = config.queue_capacity_low.unwrap_or(normal);
    let lane = |(capacity, weight)| LaneSpec { capacity, weight };
    [high, normal, low].into_iter().zip(WEIGHTS).map(lane).collect()
}

/// The lane of a job with these options.
pub(super) fn lane_of(options: &Options) -> LaneId {
    match options.meta.as_ref().map_or(0, |meta| meta.priority) {
        1.. => LaneId::HIGH,
        0 => LaneId::NORMAL,
        _ => LaneId::LOW,
    }
}

/// The option that a lane's capacity comes from.
pub(super) fn capacity_name(lane: LaneId) -> &'static str {
    match lane {
        LaneId::HIGH => "queue_capacity_high",
        LaneId::NORMAL => "queue_capacity",
        LaneId::LOW => "queue_capacity_low",
        _ => "tenants.queue_capacity",
    }
}
