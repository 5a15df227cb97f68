//! The scenarios of the suite, by name.

use super::batch::batches;
use super::ends::{Line, Shape, WaitingShape};
use super::ours::{CHANNEL, JOB_RING, RING, job_ring, ring};
use super::solo::{Alone, FLOOR, floor};
use super::transfer::{Sides, Trying, Waiting};
use super::{channels, go_channel, peers, rounds, wake};
use crate::contest::{Effort, Plan};
use crate::figure::{Figure, Role, Title, Unit};
use bifrost::queue;

/// A scenario with threads on two sides: its name, the producers, the consumers and the capacity.
type Across = (&'static str, usize, usize, usize);

const TRY: [Across; 9] = [
    ("try_1p1c_1024", 1, 1, 1024),
    ("try_2p2c_1024", 2, 2, 1024),
    ("try_4p4c_1024", 4, 4, 1024),
    ("try_8p8c_1024", 8, 8, 1024),
    ("try_1p4c_1024", 1, 4, 1024),
    ("try_4p1c_1024", 4, 1, 1024),
    ("try_1p1c_64", 1, 1, 64),
    ("try_4p4c_64", 4, 4, 64),
    ("try_8p8c_64", 8, 8, 64),
];

/// And how many values ours moves an operation; the peers move one.
const BATCH: [(Across, usize); 4] = [
    (("batch8_1p1c_1024", 1, 1, 1024), 8),
    (("batch8_4p4c_1024", 4, 4, 1024), 8),
    (("batch32_1p1c_1024", 1, 1, 1024), 32),
    (("batch32_4p4c_1024", 4, 4, 1024), 32),
];

const PAYLOAD: [Across; 2] =
    [("payload64_1p1c_1024", 1, 1, 1024), ("payload64_4p4c_1024", 4, 4, 1024)];

const BLOCKING: [Across; 6] = [
    ("blocking_1p1c_1024", 1, 1, 1024),
    ("blocking_4p4c_1024", 4, 4, 1024),
    ("blocking_4p4c_64", 4, 4, 64),
    ("blocking_8p8c_1024", 8, 8, 1024),
    ("blocking_1p4c_1024", 1, 4, 1024),
    ("blocking_4p1c_1024", 4, 1, 1024),
];

/// The scenarios whose names are wanted.
pub(crate) fn suite(effort: Effort, wanted: &dyn Fn(&str) -> bool) -> Vec<Figure> {
    let plan = plan(effort);
    let mut figures = Vec::new();
    let told = |name: &'static str| {
        let wanted = wanted(name);
        if wanted {
            eprintln!("benches: {name}");
        }
        wanted
    };
    for (name, unit) in SOLO {
        if told(name) {
            figures.push(solo(name, unit, plan));
        }
    }
    figures.extend(TRY.iter().filter(|across| told(across.0)).map(|across| trying(*across, plan)));
    let batch = BATCH.iter().filter(|(across, _)| told(across.0));
    figures.extend(batch.map(|(across, size)| batch_of(*across, *size, plan)));
    figures.extend(
        PAYLOAD.iter().filter(|across| told(across.0)).map(|across| payload(*across, plan)),
    );
    let go = BLOCKING.iter().any(|across| wanted(across.0)).then(go_channel::start).flatten();
    for across in BLOCKING.iter().filter(|across| told(across.0)) {
        figures.push(blocking(*across, plan, go.as_ref()));
    }
    if told(wake::NAME) {
        figures.push(wake::parked(plan));
    }
    figures
}

/// Many contestants in many scenarios, some 280 rows: shorter than for a suite of a few.
fn plan(effort: Effort) -> Plan {
    match effort {
        Effort::Quick => Plan::new(7, 12),
        Effort::Full => Plan::new(31, 52),
    }
}

const SOLO: [(&str, usize); 2] = [("ring_solo_1024", 8), ("ring_solo64_1024", 64)];

fn solo(name: &'static str, bytes: usize, plan: Plan) -> Figure {
    let title = Title { name, group: "solo", unit: Unit::Nanoseconds("ns/push+pop") };
    let mut rows = if bytes == 8 {
        let mut rows = peers::all::<u64, _>(1024, &Alone);
        rows.push((Role::Ours, JOB_RING, Alone.of(job_ring(1024))));
        rows.push((Role::Shown, RING, Alone.of(ring::<u64>(1024))));
        rows
    } else {
        let mut rows = peers::all::<Line, _>(1024, &Alone);
        rows.push((Role::Ours, RING, Alone.of(ring::<Line>(1024))));
        rows
    };
    rows.push((Role::Shown, FLOOR, floor()));
    rounds::hold(title, plan, rows, None)
}

fn trying((name, producers, consumers, capacity): Across, plan: Plan) -> Figure {
    let title = Title { name, group: "try", unit: Unit::Millions };
    let shape = Trying(Sides { producers, consumers });
    let mut rows = peers::all::<u64, _>(capacity, &shape);
    rows.retain(|(_, name, _)| consumers == 1 || *name != peers::TURBO);
    rows.push((Role::Ours, JOB_RING, shape.of(job_ring(capacity))));
    rows.push((Role::Shown, RING, shape.of(ring::<u64>(capacity))));
    rounds::hold(title, plan, rows, None)
}

fn batch_of((name, producers, consumers, capacity): Across, size: usize, plan: Plan) -> Figure {
    let title = Title { name, group: "batch", unit: Unit::Millions };
    let sides = Sides { producers, consumers };
    let mut rows = peers::fast::<u64, _>(capacity, &Trying(sides));
    rows.push((Role::Ours, RING, batches(sides, size, ring::<u64>(capacity))));
    rounds::hold(title, plan, rows, None)
}

fn payload((name, producers, consumers, capacity): Across, plan: Plan) -> Figure {
    let title = Title { name, group: "payload", unit: Unit::Millions };
    let shape = Trying(Sides { producers, consumers });
    let mut rows = peers::fast::<Line, _>(capacity, &shape);
    rows.push((Role::Ours, RING, shape.of(ring::<Line>(capacity))));
    rounds::hold(title, plan, rows, None)
}

fn blocking(
    (name, producers, consumers, capacity): Across,
    plan: Plan,
    go: Option<&go_channel::Program>,
) -> Figure {
    let title = Title { name, group: "blocking", unit: Unit::Millions };
    let sides = Sides { producers, consumers };
    let mut rows = channels::all::<u64, _>(capacity, &Waiting(sides));
    rows.push((Role::Ours, CHANNEL, Waiting(sides).of(queue::channel::<u64>(capacity))));
    rounds::hold(title, plan, rows, go.map(|go| go_channel::row(go, sides, capacity)))
}
