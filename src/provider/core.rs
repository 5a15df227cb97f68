//! What all parts of a provider share.

use super::circuit::Circuit;
use super::context::JobContext;
use super::gate::Gate;
use super::job::Kind;
use super::lane::Lane;
use super::overload::Overload;
use super::scaling::Scaling;
use super::shutdown::ShutdownMode;
use super::tenants::{self, Tenants};
use super::worker;
use crate::config::{ConfigError, DriverMode, ProviderConfig};
use crate::exec::{DriverPool, Drivers, Exit, Ticked, Ticker, Unit};
use crate::state::{Due, LifeState, Lifecycle, SharedSlab, Slab};
use crate::stats::Blocks;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::JoinHandle;
use crate::sync::{Arc, Mutex, Weak};
use crate::time::{Clock, Instant};
use event_listener::Event;
use std::fmt;
use std::io;
use std::time::Duration;

/// A share of a provider, for those who live long.
pub(super) type Core = SharedSlab<JobContext, Host>;
/// A provider as its jobs' handles see it: its records, beside everything else that it shares.
pub(super) type Jobs = Slab<JobContext, Host>;

/// What a provider shares beside its records.
#[derive(Debug)]
pub(crate) struct Host {
    /// The provider itself, for those who start a worker on its behalf.
    pub(super) own: Weak<Core>,
    pub(super) name: Arc<str>,
    pub(super) config: ProviderConfig,
    pub(super) runtime: usize,
    pub(super) clock: Clock,
    pub(super) born_at: Instant,
    pub(super) life: Lifecycle,
    pub(super) healthy: AtomicBool,
    /// Whether the task of the health checks is there.
    pub(super) checking: AtomicBool,
    pub(super) stats: Blocks,
    pub(super) lanes: [Lane; 2],
    pub(super) scaling: Scaling,
    /// The limit on running jobs, if it is adaptive.
    pub(super) gate: Option<Gate>,
    pub(super) tenants: Tenants,
    pub(super) overload: Overload,
    pub(super) circuit: Circuit,
    pub(super) unit: Arc<Unit>,
    /// The provider's own drivers, if it has any.
    pub(super) own_pool: Option<DriverPool>,
    pub(super) ticker: Arc<Ticker>,
    /// When the tick looks at this provider next.
    pub(super) next_tick: Due,
    pub(super) period: Duration,
    /// Left when the last async worker has.
    pub(super) exit: Arc<Exit>,
    pub(super) left: AtomicBool,
    /// Notified whenever something ends while the provider drains.
    pub(super) drained: Event,
    /// The threads of blocking workers, for the end.
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
    #[cfg(feature = "http")]
    pub(super) http: Option<crate::http::HttpService>,
}

/// What a runtime gives to a provider that it starts.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The runtime's number, not 0.
    pub runtime: usize,
    /// The runtime's clock.
    pub clock: &'a Clock,
    /// The runtime's shared drivers.
    pub pool: &'a DriverPool,
    /// How long a driver thread looks for work before it sleeps.
    pub spin: Duration,
    /// The runtime's tick.
    pub ticker: &'a Arc<Ticker>,
    /// What ends with the last provider.
    pub exit: &'a Arc<Exit>,
    /// The provider's HTTP side, if it has a base URL.
    #[cfg(feature = "http")]
    pub http: Option<crate::http::HttpService>,
}

/// Why a provider could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Its settings are out of range.
    Config(ConfigError),
    /// The runtime has as many providers as it can.
    TooMany,
    /// The system gives no thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::TooMany => f.write_str("the runtime has as many providers as it can"),
            Self::Thread(error) => write!(f, "no thread could be started: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The shortest and the longest time between two ticks of a provider that has jobs.
const PERIODS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_millis(50);

impl Core {
    /// Makes the provider and starts the least of its workers.
    pub(super) fn found(config: ProviderConfig, parts: Parts<'_>) -> Result<Arc<Self>, StartError> {
        config.validate().map_err(StartError::Config)?;
        let name: Arc<str> = config.name.as_str().into();
        let own_pool = own_pool(&config, &parts)?;
        let pool = own_pool.as_ref().unwrap_or(parts.pool);
        let unit = pool.add(config.workers.max).ok_or(StartError::TooMany)?;
        let lanes = lanes(&config);
        let records = records(&config, &lanes);
        let workers = lanes.iter().map(|lane| Lane::places(lane.kind, lane.range)).sum();
        let period = config.queue_timeout.min(config.timeout) / 100;
        let host = |own: &Weak<Self>| Host {
            own: Weak::clone(own),
            name,
            runtime: parts.runtime,
            clock: parts.clock.clone(),
            born_at: parts.clock.now(),
            life: Lifecycle::new(),
            healthy: AtomicBool::new(true),
            checking: AtomicBool::new(false),
            stats: Blocks::new(),
            lanes,
            scaling: Scaling::new(config.scaling, parts.clock.now()),
            gate: Gate::new(&config, workers),
            tenants: Tenants::new(&config),
            overload: Overload::new(&config),
            circuit: Circuit::new(&config.breaker, &config.name, parts.clock.now()),
            unit,
            own_pool,
            ticker: Arc::clone(parts.ticker),
            next_tick: Due::new(),
            period: period.clamp(*PERIODS.start(), *PERIODS.end()),
            exit: Arc::clone(parts.exit),
            left: AtomicBool::new(false),
            drained: Event::new(),
            threads: Mutex::new(Vec::new()),
            #[cfg(feature = "http")]
            http: parts.http,
            config,
        };
        let core = Arc::new_cyclic(|own| Self::new(records, host(own)));
        core.answer();
        let ticked: Weak<dyn Ticked> = Arc::<Self>::downgrade(&core);
        core.host().ticker.add(ticked);
        core.host().exit.open();
        core.host().life.change(LifeState::Spawning);
        for lane in &core.host().lanes {
            for _ in 0..lane.range.min {
                if let Err(error) = worker::hire(&core, lane) {
                    core.begin_shutdown(ShutdownMode::Cancel);
                    return Err(StartError::Thread(error));
                }
            }
        }
        core.host().life.change(LifeState::Checking);
        Ok(core)
    }
}

impl Core {
    /// Says what the provider does when somebody else notices something.
    fn answer(self: &Arc<Self>) {
        let freed = Arc::downgrade(self);
        self.when_freed(move || {
            if let Some(core) = freed.upgrade() {
                core.offer_record();
            }
        });
        let stalled = Arc::downgrade(self);
        self.host().unit.when_stalled(move |handed_over| {
            if let Some(core) = stalled.upgrade() {
                worker::stalled(&core, handed_over);
            }
        });
    }
}

/// The driver threads of the provider's own, if it is to have any.
fn own_pool(config: &ProviderConfig, parts: &Parts<'_>) -> Result<Option<DriverPool>, StartError> {
    let DriverMode::Dedicated(count) = config.drivers else { return Ok(None) };
    let drivers = Drivers::Threads { count, spin: parts.spin };
    let pool = DriverPool::start(&config.name, drivers, 1, parts.clock);
    pool.map(Some).map_err(StartError::Thread)
}

fn lanes(config: &ProviderConfig) -> [Lane; 2] {
    let first_blocking = config.workers.max as u32;
    let specs = tenants::lanes(config);
    [
        Lane::new(Kind::Async, &specs, config.workers, 0),
        Lane::new(Kind::Blocking, &specs, config.blocking_workers, first_blocking),
    ]
}

/// One record for every job that can be queued, running, or ended and unread (S15).
fn records(config: &ProviderConfig, lanes: &[Lane; 2]) -> usize {
    let served = lanes.iter().filter(|lane| lane.is_served());
    let lanes: usize =
        served.map(|lane| lane.queue.capacity() + Lane::places(lane.kind, lane.range)).sum();
    lanes + config.result_buffer
}

impl Host {
    /// Whether nothing is left on the executor: no async worker, and no health checks.
    pub(super) fn is_left(&self) -> bool {
        // ORDERING: Relaxed: whoever may conclude from it has passed the fence of `life.fences`.
        self.lanes[0].spawned() == 0 && !self.checking.load(Ordering::Relaxed)
    }

    pub(super) fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Async => &self.lanes[0],
            Kind::Blocking => &self.lanes[1],
        }
    }

    /// The lane of worker `runner`, and the worker's number there.
    pub(super) fn lane_of(&self, runner: u32) -> (&Lane, u32) {
        let blocking = &self.lanes[1];
        if runner >= blocking.first {
            (blocking, runner - blocking.first)
        } else {
            (&self.lanes[0], runner)
        }
    }
}
