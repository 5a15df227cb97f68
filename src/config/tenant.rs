//! A tenant of a provider.

use super::options::TENANT;
use super::spec;

/// What one tenant of a provider may have; jobs name their tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantConfig {
    /// The name that jobs use.
    pub name: String,
    /// With a weight, the tenant's jobs wait in a lane of their own, whatever their priority: it gets this
    /// many turns where the jobs of high, normal and low priority get 8, 4 and 1.
    pub weight: Option<usize>,
    /// How many jobs of a tenant with a weight may wait; the provider's `queue_capacity` if `None`.
    pub queue_capacity: Option<usize>,
    /// How many jobs the tenant may have at once, waiting and running. A submission that waits for space
    /// ([`OverflowPolicy::Block`](super::OverflowPolicy::Block)) counts when it enters, and is refused if the
    /// tenant has as many jobs by then.
    pub max_in_flight: Option<usize>,
}

impl TenantConfig {
    /// A tenant without a weight and without a limit.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let mut tenant = Self { name, weight: None, queue_capacity: None, max_in_flight: None };
        spec::set_defaults(TENANT, &mut tenant);
        tenant
    }

    /// Gives the tenant's jobs a lane of their own with this weight.
    #[must_use]
    pub fn weight(mut self, weight: usize) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Sets how many jobs of a tenant with a weight may wait.
    #[must_use]
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.queue_capacity = Some(jobs);
        self
    }

    /// Sets how many jobs the tenant may have at once, waiting and running.
    #[must_use]
    pub fn max_in_flight(mut self, jobs: usize) -> Self {
        self.max_in_flight = Some(jobs);
        self
    }
}
