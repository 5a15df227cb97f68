//! Plain data with names, units, defaults and bounds in one table.
