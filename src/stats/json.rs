//! Snapshots as JSON.
//!
//! Keys are only ever added within a [`SCHEMA`]. Counters that are a rejection or an outcome stand in maps
//! by the name of their code; all of them are there, also those at zero.

use super::snapshot::{ProviderSnapshot, Snapshot, Timing, Totals};
use crate::stats::{Count, HistogramSnapshot, Ledger};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

/// The version of the JSON form; it changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

impl Snapshot {
    /// The snapshot and its totals as one JSON object on one line.
    pub fn to_json(&self) -> String {
        text(self)
    }
}

impl ProviderSnapshot {
    /// The provider's figures as one JSON object on one line.
    pub fn to_json(&self) -> String {
        text(self)
    }
}

impl Totals {
    /// The totals as one JSON object on one line.
    pub fn to_json(&self) -> String {
        text(self)
    }
}

/// Numbers and strings always serialize; should that ever change, the reader is told and nobody panics.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string())
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Snapshot", 4)?;
        object.serialize_field("schema", &SCHEMA)?;
        object.serialize_field("uptime_seconds", &self.uptime_seconds)?;
        object.serialize_field("totals", &self.totals())?;
        object.serialize_field("providers", &self.providers)?;
        object.end()
    }
}

/// A histogram as what is told of it.
pub(super) fn timing<S: Serializer>(
    histogram: &HistogramSnapshot,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Timing::from(histogram).serialize(serializer)
}

/// A ledger: what follows from the counters, the rejections and outcomes by reason, the other counters.
pub(super) fn ledger<S: Serializer>(ledger: &Ledger, serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(None)?;
    let levels = [
        ("accepted", ledger.accepted()),
        ("ended", ledger.ended()),
        ("queued", ledger.queued()),
        ("delayed", ledger.delayed()),
        ("running", ledger.running()),
    ];
    for (name, n) in levels {
        object.serialize_entry(name, &n)?;
    }
    object.serialize_entry("rejected", &Counts { ledger, of: Count::is_rejection })?;
    object.serialize_entry("outcomes", &Counts { ledger, of: Count::is_outcome })?;
    for count in Count::ALL.into_iter().filter(|count| count.code().is_none()) {
        object.serialize_entry(count.name(), &ledger.get(count))?;
    }
    object.end()
}

/// Those counters of a ledger that `of` picks, by name.
struct Counts<'a> {
    ledger: &'a Ledger,
    of: fn(Count) -> bool,
}

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let picked = Count::ALL.into_iter().filter(|count| (self.of)(*count));
        serializer.collect_map(picked.map(|count| (count.name(), self.ledger.get(count))))
    }
}

#[cfg(test)]
mod tests {
    use super::{ProviderSnapshot, Snapshot};
    use crate::code::Code;
    use crate::stats::{Blocks, Count};
    use serde_json::Value;
    use std::collections::HashSet;

    fn snapshot() -> Snapshot {
        let blocks = Blocks::new();
        blocks.add(Count::Submitted, 10);
        blocks.add(Count::QueueFull, 2);
        blocks.add(Count::Delayed, 5);
        blocks.add(Count::DelayedReturned, 4);
        blocks.add(Count::Started, 4);
        blocks.end(Count::Completed, true);
        blocks.end(Count::TimedOutQueue, false);
        blocks.record_run(2_500_000_000);
        let provider = ProviderSnapshot {
            name: "a \"quoted\" näme\n".to_owned(),
            state: "ready".to_owned(),
            ledger: blocks.ledger(),
            run: blocks.run(),
            ..ProviderSnapshot::default()
        };
        Snapshot { uptime_seconds: 12.25, providers: vec![provider.clone(), provider] }
    }

    #[test]
    fn json_says_what_the_snapshot_holds() {
        let snapshot = snapshot();
        let json = snapshot.to_json();
        assert!(!json.contains('\n'));
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value["schema"], &value["uptime_seconds"]), (&1.into(), &12.25.into()));
        let provider = &value["providers"][1];
        assert_eq!(provider["name"], "a \"quoted\" näme\n");
        assert_eq!(provider["run"]["max_nanoseconds"], 2_500_000_000u64);
        assert_eq!(provider["run"]["max_seconds"], 2.5);
        assert_eq!(provider["wait"]["p999_seconds"], 0.0);
        let ledger = &provider["ledger"];
        let levels = ["accepted", "ended", "queued", "delayed", "running"].map(|key| &ledger[key]);
        assert_eq!(levels.map(|level| level.as_u64().unwrap()), [8, 2, 2, 1, 3]);
        assert_eq!(
            (&ledger["delayed_entered"], &ledger["delayed_returned"]),
            (&5.into(), &4.into())
        );
        assert_eq!(value["totals"]["ledger"]["submitted"], 20);
        assert_eq!(value["totals"]["providers"], 2);
        let alone: Value = serde_json::from_str(&snapshot.providers[1].to_json()).unwrap();
        assert_eq!(&alone, provider);
        let totals: Value = serde_json::from_str(&snapshot.totals().to_json()).unwrap();
        assert_eq!(totals, value["totals"]);
    }

    #[test]
    fn every_rejection_and_outcome_has_its_key_and_no_key_is_there_twice() {
        let json = snapshot().providers[0].to_json();
        let value: Value = serde_json::from_str(&json).unwrap();
        let ledger = &value["ledger"];
        for code in Code::all() {
            assert_eq!(
                ledger["rejected"].get(code.name()).is_some(),
                Count::rejected(code).is_some()
            );
            assert_eq!(
                ledger["outcomes"].get(code.name()).is_some(),
                Count::outcome(code).is_some()
            );
        }
        assert_eq!(
            (&ledger["rejected"]["queue_full"], &ledger["outcomes"]["ok"]),
            (&2.into(), &1.into())
        );
        let text = &json[json.find("\"ledger\"").unwrap()..json.find("\"wait\"").unwrap()];
        let keys: Vec<_> = text.split('"').skip(1).step_by(2).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "{keys:?}");
    }
}
