//! The facade: named providers, their beginning and end, and totals.

use crate::config::{ConfigError, ProviderConfig, RuntimeConfig};
use crate::exec::{DriverPool, Drivers, Exit, Seat, TickedBy, Ticker, TickerThread, inside};
use crate::provider::{
    LifeState, Parts, Provider, ShutdownError, ShutdownMode, ShutdownReport, StartError,
};
use crate::stats::Snapshot;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex};
use crate::time::{Clock, Deadline, Instant, TimerDriver};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// Providers that a runtime can have over its life.
const MAX_PROVIDERS: usize = 4096;
/// How long a thread that drives may do something else before another one looks after what it has left.
const WATCH: Duration = Duration::from_millis(10);
/// The transports that stand in for the one over isahc, by the name of their provider.
#[cfg(feature = "http")]
type Transports = HashMap<String, Arc<dyn crate::http::Transport>>;
#[cfg(not(feature = "http"))]
type Transports = ();
/// Why a runtime could not be built, or a provider not added.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of range.
    Config(ConfigError),
    /// Two providers have this name.
    Duplicate(String),
    /// This provider could not be started.
    Provider(String, StartError),
    /// The HTTP side of this provider cannot be set up.
    #[cfg(feature = "http")]
    Http(String, crate::http::HttpError),
    /// The system gives no thread.
    Thread(io::Error),
    /// The runtime is shutting down, or has.
    ShuttingDown,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Duplicate(name) => write!(f, "there are two providers named {name:?}"),
            Self::Provider(name, error) => write!(f, "provider {name:?}: {error}"),
            #[cfg(feature = "http")]
            Self::Http(name, error) => write!(f, "provider {name:?}: {error}"),
            Self::Thread(error) => write!(f, "no thread could be started: {error}"),
            Self::ShuttingDown => f.write_str("the runtime is shutting down"),
        }
    }
}

impl std::error::Error for Error {}

/// What a runtime is made of, before it is started.
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    clock: Option<Clock>,
    config: RuntimeConfig,
    providers: Vec<ProviderConfig>,
    transports: Transports,
}

impl Builder {
    /// Takes the time from `clock`; the system's monotonic clock by default.
    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Takes the settings of the runtime itself.
    pub fn config(mut self, config: RuntimeConfig) -> Self {
        self.config = config;
        self
    }

    /// Adds a provider.
    pub fn provider(mut self, config: ProviderConfig) -> Self {
        self.providers.push(config);
        self
    }

    /// Adds providers.
    pub fn providers(mut self, configs: impl IntoIterator<Item = ProviderConfig>) -> Self {
        self.providers.extend(configs);
        self
    }

    /// Lets the provider of this name send its requests and health checks by `transport` instead of a client of its
    /// own: for tests, and for other HTTP clients. The provider needs a base URL all the same.
    #[cfg(feature = "http")]
    pub fn transport(
        mut self,
        provider: impl Into<String>,
        transport: Arc<dyn crate::http::Transport>,
    ) -> Self {
        self.transports.insert(provider.into(), transport);
        self
    }

    /// Starts everything: the driver threads and the tick, then every provider with the least of its
    /// workers and its first health check. A provider whose check is required and fails is `Failed`; the
    /// others run.
    ///
    /// # Errors
    ///
    /// [`Error`] for settings out of range, two providers of one name, or a system that has no thread to
    /// give. Nothing is left running then.
    pub fn build(self) -> Result<Runtime, Error> {
        self.config.validate().map_err(Error::Config)?;
        let clock = self.clock.unwrap_or_else(Clock::monotonic);
        let runtime = Runtime::start(self.config, clock, self.transports)?;
        let mut providers = Vec::with_capacity(self.providers.len());
        for config in self.providers {
            providers.push(runtime.found(config)?);
        }
        let opening = async {
            let checks = providers.iter().map(|provider| async { provider.check_and_open().await });
            join_all(checks.collect()).await;
        };
        runtime.run(opening);
        Ok(runtime)
    }
}

/// Named providers with the threads that drive them.
///
/// Dropping it closes every provider, cancels what waits and asks what runs to stop, without waiting;
/// [`shutdown`](Self::shutdown) does it properly and reports.
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    number: usize,
    config: RuntimeConfig,
    clock: Clock,
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "there is no HTTP"))]
    transports: Transports,
    born_at: Instant,
    pool: Arc<DriverPool>,
    ticker: Arc<Ticker>,
    exit: Arc<Exit>,
    ticker_thread: Mutex<Option<TickerThread>>,
    _timers: TimerDriver,
    providers: Mutex<Providers>,
}

#[derive(Default)]
struct Providers {
    /// In the order in which they were added.
    all: Vec<Provider>,
    by_name: HashMap<String, usize>,
    /// No more may come.
    closed: bool,
}

impl Runtime {
    /// A runtime without providers and with default settings, to be filled in.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn start(config: RuntimeConfig, clock: Clock, transports: Transports) -> Result<Self, Error> {
        static NUMBERS: AtomicUsize = AtomicUsize::new(1);
        let drivers = match config.drivers {
            0 => Drivers::Embedder,
            count => Drivers::Threads { count, spin: config.spin },
        };
        let ticker = Arc::new(Ticker::new(&clock));
        let pool = DriverPool::start("drv", drivers, MAX_PROVIDERS, &clock);
        let pool = Arc::new(pool.map_err(Error::Thread)?);
        let waking = Arc::downgrade(&ticker);
        let timers = clock.set_timer_driver(Arc::new(move || {
            if let Some(ticker) = waking.upgrade() {
                ticker.request(Deadline::at(Instant::ZERO));
            }
        }));
        let ticker_thread = match drivers {
            Drivers::Embedder => {
                ticker.look_after(&pool, TickedBy::Drivers);
                None
            }
            Drivers::Threads { .. } => {
                ticker.look_after(&pool, TickedBy::Thread);
                ticker.watch(&pool);
                Some(TickerThread::start(&ticker).map_err(|error| {
                    pool.close();
                    pool.join();
                    Error::Thread(error)
                })?)
            }
        };
        let inner = Inner {
            exit: Arc::new(Exit::new(&pool, &ticker)),
            // ORDERING: Relaxed: the numbers only have to differ.
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            born_at: clock.now(),
            config,
            clock,
            transports,
            pool,
            ticker,
            ticker_thread: Mutex::new(ticker_thread),
            _timers: timers,
            providers: Mutex::new(Providers::default()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn found(&self, config: ProviderConfig) -> Result<Provider, Error> {
        let inner = &*self.inner;
        let name = config.name.clone();
        if self.provider(&name).is_some() {
            return Err(Error::Duplicate(name));
        }
        let parts = Parts {
            runtime: inner.number,
            clock: &inner.clock,
            pool: &inner.pool,
            spin: inner.config.spin,
            ticker: &inner.ticker,
            exit: &inner.exit,
            #[cfg(feature = "http")]
            http: inner.open_http(&config).map_err(|error| Error::Http(name.clone(), error))?,
        };
        let provider =
            Provider::start(config, parts).map_err(|error| Error::Provider(name.clone(), error))?;
        inner.adopt(&provider).inspect_err(|_| provider.stop())?;
        Ok(provider)
    }

    /// Adds a provider while the runtime runs: starts the least of its workers, checks its health, and
    /// opens its door. If its check is required and fails, it is there as `Failed`.
    ///
    /// # Errors
    ///
    /// [`Error`] for settings out of range, a name that is taken, a runtime that shuts down, or a system
    /// that has no thread to give. Nothing of the provider is left running then.
    ///
    /// # Cancel safety
    ///
    /// Dropped during the check, the provider stays with the runtime and takes no jobs.
    pub async fn add(&self, config: ProviderConfig) -> Result<Provider, Error> {
        let provider = self.found(config)?;
        provider.check_and_open().await;
        Ok(provider)
    }

    /// As [`add`](Self::add), by a thread.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_blocking(&self, config: ProviderConfig) -> Result<Provider, Error> {
        self.run(self.add(config))
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<Provider> {
        let providers = self.inner.providers.lock();
        providers.by_name.get(name).map(|place| providers.all[*place].clone())
    }

    /// Every provider, in the order in which they were added.
    pub fn providers(&self) -> Vec<Provider> {
        self.inner.providers.lock().all.clone()
    }

    /// The clock that the runtime was built with.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// All figures of this moment, also after a shutdown.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.inner.clock.now();
        Snapshot {
            uptime_seconds: now.saturating_duration_since(self.inner.born_at).as_secs_f64(),
            providers: self.providers().iter().map(Provider::snapshot).collect(),
        }
    }

    /// Does one turn of ready work and a tick that is due, on the calling thread; whether there was any.
    /// This is how an embedder drives a runtime that was built with `drivers = 0`; any other runtime may
    /// be helped along with it.
    pub fn poll(&self) -> bool {
        let ticked = self.inner.ticker.tick_if_due();
        self.inner.pool.turn() || ticked
    }

    /// When the next tick is due: until then a thread that drives the runtime and found nothing to do may
    /// sleep, as long as it is woken for new work; [`run`](Self::run) does both.
    pub fn next_due(&self) -> Deadline {
        self.inner.ticker.next_due()
    }

    /// Runs `future` on the calling thread to its end. A runtime without driver threads is driven
    /// meanwhile; several threads may do so at once.
    ///
    /// # Panics
    ///
    /// If `future` panics, or more than 64 threads drive the runtime at once.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let inner = &*self.inner;
        if inner.config.drivers > 0 {
            return inner.clock.block_on(future);
        }
        let mut future = pin!(future);
        let mut seat = inner.pool.seat();
        let watching = Cell::new(false);
        let step = poll_fn(|cx| {
            let polled = inner.step(future.as_mut(), &mut seat, cx);
            watching.set(seat.is_watching());
            polled
        });
        inner.clock.drive(step, inner.config.spin, || match watching.get() {
            true => Deadline::after(inner.clock.now(), WATCH),
            false => inner.ticker.next_due(),
        })
    }

    /// Ends every provider at once: nothing more is accepted, jobs that wait run or are cancelled as `mode`
    /// says, jobs that run get the `shutdown_timeout` and, after they were asked to stop, one second more.
    /// Then the runtime's threads end. Called again, it waits for the same end and reports what is left.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::InsideJob`] from inside a job of this runtime, which the shutdown would wait for.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the doors stay closed and the jobs end as far as they were asked to.
    pub async fn shutdown(&self, mode: ShutdownMode) -> Result<ShutdownReport, ShutdownError> {
        let inner = &*self.inner;
        if inside(inner.number) {
            return Err(ShutdownError::InsideJob);
        }
        let providers = inner.close();
        let timeout = inner.config.shutdown_timeout;
        let ends = providers.iter().map(|provider| provider.shutdown(mode, timeout));
        let mut report = ShutdownReport::default();
        for ended in join_all(ends.collect()).await {
            report.merge(ended?);
        }
        inner.exit.close();
        Ok(report)
    }

    /// As [`shutdown`](Self::shutdown), by a thread, which also waits for the runtime's threads; not for
    /// those that a zombie holds.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::InsideJob`] from inside a job of this runtime, which the shutdown would wait for.
    pub fn shutdown_blocking(&self, mode: ShutdownMode) -> Result<ShutdownReport, ShutdownError> {
        let report = self.run(self.shutdown(mode))?;
        self.join();
        Ok(report)
    }

    fn join(&self) {
        let providers = self.providers();
        providers.iter().for_each(Provider::join);
        if !providers.iter().all(Provider::is_deserted) {
            // Drivers and tick end with the job that holds a worker; nobody waits for that.
            return;
        }
        // The tick may be about to start a spare driver.
        let ticker = self.inner.ticker_thread.lock().take();
        if let Some(ticker) = ticker {
            ticker.join();
        }
        self.inner.pool.join();
    }
}

impl Inner {
    #[cfg(feature = "http")]
    fn open_http(
        &self,
        config: &ProviderConfig,
    ) -> Result<Option<crate::http::HttpService>, crate::http::HttpError> {
        let transport = self.transports.get(&config.name).cloned();
        crate::provider::open_http(config, &self.clock, transport)
    }

    /// Takes a started provider in.
    fn adopt(&self, provider: &Provider) -> Result<(), Error> {
        let mut providers = self.providers.lock();
        if providers.closed {
            return Err(Error::ShuttingDown);
        }
        let name = provider.name().to_owned();
        if providers.by_name.contains_key(&name) {
            return Err(Error::Duplicate(name));
        }
        let place = providers.all.len();
        providers.by_name.insert(name, place);
        providers.all.push(provider.clone());
        Ok(())
    }

    /// Lets no more providers in; those that there are.
    fn close(&self) -> Vec<Provider> {
        let mut providers = self.providers.lock();
        providers.closed = true;
        providers.all.clone()
    }

    /// Ends what a dropped runtime has left running, then its threads.
    async fn wind_up(self: Arc<Self>) {
        let providers = self.close();
        let ends = providers
            .iter()
            .map(|provider| provider.shutdown(ShutdownMode::Cancel, Duration::ZERO));
        join_all(ends.collect()).await;
        self.exit.close();
    }

    /// Polls an embedder's future and does what is ready. Pending, the thread sleeps until the next tick, or as
    /// the seat's watch says.
    fn step<T>(
        &self,
        mut future: Pin<&mut impl Future<Output = T>>,
        seat: &mut Seat<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<T> {
        loop {
            seat.rise();
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            seat.take_turns();
            // Who makes the tick earlier while this thread rests wakes it, or another one watches.
            if self.ticker.tick_if_due() {
                continue;
            }
            let near = self.ticker.is_due_within(WATCH);
            if seat.rest(cx.waker(), near) && !self.ticker.is_due_within(Duration::ZERO) {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let inner = &*self.inner;
        for provider in inner.close() {
            if provider.state() != LifeState::Stopped {
                provider.stop();
            }
        }
        let left = self.providers().iter().any(|provider| provider.state() != LifeState::Stopped);
        if inner.config.drivers == 0 {
            // Without threads of its own nobody else would let the workers end.
            while inner.pool.turn() {}
        } else if let Some(unit) = inner.pool.add(1).filter(|_| left) {
            // The drivers go on until the last job has ended, and close behind themselves.
            unit.spawn(Inner::wind_up(Arc::clone(&self.inner)));
            return;
        }
        inner.exit.close();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("providers", &self.providers()).finish_non_exhaustive()
    }
}

/// Runs futures side by side to the end of the last.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(move |cx| {
        let mut all = true;
        for (future, output) in &mut futures {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *output = Some(value);
            }
            all &= output.is_some();
        }
        if all {
            Poll::Ready(futures.iter_mut().filter_map(|(_, output)| output.take()).collect())
        } else {
            Poll::Pending
        }
    })
    .await
}
